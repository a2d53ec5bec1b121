"""Folders for a device do what their README says, where MindSpore Lite is set up."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from deploy.lite import compile
from deploy.use.lite_environment import LiteEnvironment
from tests.integration.lite_clients import parse, run, same_answers

TOP_K = 3


def _expected(bundle: Path, picture: Path, folder: Path) -> list[tuple[str, float]]:
    out = folder / "answers.json"
    run("predict.py", picture, "--model", bundle, "--format", "onnx", "--top_k", TOP_K, "--quiet", "--json", out)
    (entry,) = json.loads(out.read_text())
    return [(answer["label"], answer["probability"]) for answer in entry["predictions"]]


@pytest.mark.parametrize("client", ["python", "cpp"])
def test_commands_of_the_readme_answer_as_the_whole_bundle_does(
    client: str, lite_bundles: dict[str, Path], lite: LiteEnvironment, digits_pictures: Path, tmp_path: Path
) -> None:
    from PIL import Image

    if client == "python" and lite.python is None:
        pytest.skip("MindSpore Lite is set up without a Python 3.7")
    if client == "cpp" and compile.find_compiler() is None:
        pytest.skip("no C++ compiler")
    picture = sorted(digits_pictures.rglob("*.png"))[100]
    place = tmp_path / "device"

    said = run("-m", "deploy.lite", "device", lite_bundles["lenet5"], "--client", client, "--out", place)

    assert "no training pictures" in said
    Image.open(picture).save(place / "photo.jpg", "PNG")  # whatever the suffix says, and every decoder gives its pixels
    (commands,) = re.findall(r"```sh\n(.+?)```", (place / "README.md").read_text(), re.DOTALL)
    commands = re.sub(r"pip install .+\n", "", commands)  # it is there
    python = f"python() {{ '{lite.path(lite.python)}' \"$@\"; }}\n" if lite.python else ""
    variables = {**lite.variables(), "MINDSPORE_LITE": str(lite.path(lite.package))}
    done = subprocess.run(
        ["bash", "-euc", python + commands], cwd=place, env=variables, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    same_answers(parse(done.stdout), _expected(lite_bundles["lenet5"], picture, tmp_path))


def test_folder_for_a_device_is_a_bundle(lite_bundles: dict[str, Path], digits_pictures: Path, tmp_path: Path) -> None:
    run("-m", "deploy.lite", "device", lite_bundles["lenet5"], "--client", "android", "--out", tmp_path / "device")

    said = run("predict.py", digits_pictures / "0", "--model", tmp_path / "device", "--quiet")

    assert "pictures predicted with device (ms)" in said


def test_export_packs_a_folder_for_a_device_beside_the_bundle(
    lite: LiteEnvironment, digits_run: Path, tmp_path: Path
) -> None:
    options = ["--formats", "ms", "--pictures", "20", "--device", "cpp", "--out", tmp_path / "bundle"]

    said = run("export.py", "--run", digits_run, *options)

    assert f"for the device: {tmp_path / 'bundle-cpp'} (cpp client" in said
    assert (tmp_path / "bundle-cpp" / "model.ms").read_bytes() == (tmp_path / "bundle" / "model.ms").read_bytes()
    assert not list((tmp_path / "bundle-cpp").rglob("*.png"))
