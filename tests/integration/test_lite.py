"""MindSpore Lite itself, where `python -m deploy.lite setup` was run: conversion, both clients, ms bundles."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from deploy.lite import check, compile, setup, wheel
from deploy.use.lite_environment import LiteEnvironment, LiteError, find_lite, lite_folder
from tests.integration.jobs import ROOT, environment
from tests.integration.lite_clients import client_answers, lay_out_release, same_answers

NETWORKS = ("lenet5", "mobilenetv2")
PICTURES = 6
Answers = dict[str, dict[str, list[tuple[str, float]]]]


def run(*arguments: object, code: int = 0, **variables: str) -> str:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment(**variables), capture_output=True, text=True, timeout=200)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def lite() -> LiteEnvironment:
    try:
        return find_lite()
    except LiteError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def bundles(lite: LiteEnvironment, digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """LeNet5 as trained, with its Lite formats; and a MobileNetV2 with random weights."""
    from benchmarks.export_parity import save_checkpoint
    from datazoo.sources.digits import load
    from deploy.export.exporting import export_bundle
    from deploy.export.request import ExportRequest

    folder = tmp_path_factory.mktemp("lite")
    formats = ["onnx", "ms", "ms_fp16"]
    run("export.py", "--run", digits_run, "--split", "test", "--formats", *formats, "--out", folder / "lenet5")
    splits = load(0.1, 0)
    network: dict[str, object] = {"name": "mobilenetv2", "width_mult": 0.5}
    spec: dict[str, object] = {"resize": 64, "image_size": 56}
    checkpoint = save_checkpoint(folder, splits.test.classes, network, spec, None)
    proof = splits.test.subset(range(0, 359, 12))
    export_bundle(folder / "mobilenetv2", ExportRequest(checkpoint, ("onnx",)), proof, splits.train)
    return {name: folder / name for name in NETWORKS}


@pytest.fixture(scope="module")
def pictures(digits_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some pictures of the test split, in files that both clients read."""
    folder = tmp_path_factory.mktemp("ppm")
    for file in sorted(digits_pictures.rglob("*.png"))[:: 359 // PICTURES]:
        Image.open(file).convert("RGB").save(folder / f"{file.stem}.ppm")
    return folder


@pytest.fixture(scope="module")
def expected(bundles: dict[str, Path], pictures: Path) -> Answers:
    """The three best answers of predict.py, by network and picture."""
    answers = {}
    for name, bundle in bundles.items():
        out = pictures.parent / f"{name}.json"
        files = sorted(pictures.glob("*.ppm"))
        run("predict.py", *files, "--model", bundle, "--format", "onnx", "--top_k", "3", "--quiet", "--json", out)
        answers[name] = {
            Path(entry["file"]).name: [(answer["label"], answer["probability"]) for answer in entry["predictions"]]
            for entry in json.loads(out.read_text())
        }
    return answers


def checked(bundle: Path, language: str, digits_pictures: Path) -> dict:
    """What the checker writes about the float32 file."""
    options = ["--pictures", str(digits_pictures), "--count", "90", "--variants", "fp32", "--language", language]
    assert check.main([str(bundle), *options]) == 0
    return json.loads((bundle / "manifest.json").read_text())["lite"]["fp32"]


@pytest.mark.parametrize("language", ["python", "cpp"])
@pytest.mark.parametrize("network", NETWORKS)
def test_float32_file_computes_what_the_onnx_file_computes(
    network: str, language: str, bundles: dict[str, Path], lite: LiteEnvironment, digits_pictures: Path
) -> None:
    if language not in lite.languages():
        pytest.skip(f"MindSpore Lite is not set up for {language}")

    result = checked(bundles[network], language, digits_pictures)

    assert result["top1_agreement"] == 1
    assert result["max_abs_diff"] <= 1e-3
    assert result["n"] == result["accuracy"]["n"] >= 80
    assert result["runtime"].startswith("mindspore-lite 2.")
    assert result["latency"]["ratio"] > 0


@pytest.mark.parametrize("network", NETWORKS)
def test_python_client_answers_as_predict_does(
    network: str, bundles: dict[str, Path], lite: LiteEnvironment, pictures: Path, expected: Answers
) -> None:
    if lite.python is None:
        pytest.skip("MindSpore Lite is set up without a Python 3.7")
    client = [str(lite.path(lite.python)), str(bundles[network] / "lite" / "classify.py")]

    answers = client_answers(client, lite, bundles[network], pictures)

    assert answers.keys() == expected[network].keys()
    for name, own in answers.items():
        same_answers(own, expected[network][name])


def test_python_client_preprocesses_alike_on_its_own_python(
    bundles: dict[str, Path], lite: LiteEnvironment, pictures: Path, tmp_path: Path
) -> None:
    if lite.python is None:
        pytest.skip("MindSpore Lite is set up without a Python 3.7")
    from datazoo.pipeline.pillow_path import preprocess
    from datazoo.pipeline.spec import PreprocessingSpec

    script = """
import json, sys
import numpy as np
from PIL import Image
import classify
spec = json.load(open(sys.argv[1]))
np.save(sys.argv[2], np.concatenate([classify.preprocess(Image.open(file), spec) for file in sys.argv[3:]]))
"""
    files = sorted(pictures.glob("*.ppm"))
    for name in NETWORKS:
        spec = bundles[name] / "preprocessing.json"
        command = [str(lite.path(lite.python)), "-c", script, str(spec), str(tmp_path / "out.npy"), *map(str, files)]
        subprocess.run(command, cwd=bundles[name] / "lite", env=lite.variables(), check=True)

        own = PreprocessingSpec.model_validate_json(spec.read_text())
        wanted = np.stack([preprocess(Image.open(file), own) for file in files])
        np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), wanted)


@pytest.fixture(scope="module")
def cpp_client(lite: LiteEnvironment, bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C++ client, built as its CMakeLists.txt says, or by g++ where CMake is not there."""
    compiler = compile.find_compiler()
    if compiler is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("client")
    source = bundles["lenet5"] / "lite"
    if shutil.which("cmake"):
        options = [f"-DMINDSPORE_LITE={lite.path(lite.package)}"]
        subprocess.run(["cmake", "-S", source, "-B", folder, *options], check=True, capture_output=True)
        subprocess.run(["cmake", "--build", folder], check=True, capture_output=True)
    else:
        compile.wheel_kit(lite.path(lite.package), compiler).compile(source / "classify.cc", folder / "classify")
    return folder / "classify"


@pytest.mark.parametrize("network", NETWORKS)
def test_cpp_client_answers_as_predict_does(
    network: str, cpp_client: Path, bundles: dict[str, Path], lite: LiteEnvironment, pictures: Path, expected: Answers
) -> None:
    answers = client_answers([str(cpp_client)], lite, bundles[network], pictures)

    assert answers.keys() == expected[network].keys()
    for name, own in answers.items():
        same_answers(own, expected[network][name])


@pytest.fixture(scope="module")
def aarch64(lite: LiteEnvironment) -> LiteEnvironment:
    try:
        return find_lite(lite_folder("aarch64"))
    except LiteError as error:
        pytest.skip(f"{error} --target aarch64")


def test_cpp_client_answers_alike_on_aarch64(
    aarch64: LiteEnvironment, bundles: dict[str, Path], pictures: Path, expected: Answers, tmp_path: Path
) -> None:
    compiler = compile.find_compiler("aarch64")
    if compiler is None:
        pytest.skip("g++-aarch64-linux-gnu is not installed")
    bundle = bundles["mobilenetv2"]
    kit = compile.wheel_kit(aarch64.path(aarch64.package), compiler)
    kit.compile(bundle / "lite" / "classify.cc", tmp_path / "classify")
    (tmp_path / "few").mkdir()
    for file in sorted(pictures.glob("*.ppm"))[:2]:
        shutil.copy(file, tmp_path / "few")

    answers = client_answers(aarch64.program(tmp_path / "classify"), aarch64, bundle, tmp_path / "few")

    assert len(answers) == 2
    for name, own in answers.items():
        same_answers(own, expected["mobilenetv2"][name])


def test_ms_files_are_proven_and_predict_counts_alike(
    bundles: dict[str, Path], digits_pictures: Path, tmp_path: Path
) -> None:
    manifest = json.loads((bundles["lenet5"] / "manifest.json").read_text())
    for name in ("ms", "ms_fp16"):
        parity = manifest["models"][name]["parity"]
        assert parity["n"] == 359
        assert parity["runtime"].startswith("mindspore-lite 2.")
        out = tmp_path / f"{name}.json"

        run("predict.py", digits_pictures, "--model", bundles["lenet5"], "--format", name, "--quiet", "--json", out)

        right = [e["predictions"][0]["label"] == Path(e["file"]).parent.name for e in json.loads(out.read_text())]
        assert (sum(right), len(right)) == (parity["accuracy"]["correct"], 359)
    assert manifest["models"]["ms"]["parity"]["max_abs_diff"] <= manifest["models"]["ms"]["parity"]["tolerance"]
    assert manifest["models"]["ms_fp16"]["size_bytes"] < 0.6 * manifest["models"]["ms"]["size_bytes"]


def test_server_answers_from_a_ms_file(bundles: dict[str, Path], digits_pictures: Path) -> None:
    from deploy.opening import open_classifier
    from deploy.use.server_app import create_app

    picture = sorted(digits_pictures.rglob("*.png"))[0].read_bytes()

    async def ask(name: str) -> list[str]:
        app = create_app(open_classifier(bundles["lenet5"], name))
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://server") as client,
        ):
            reply = await client.post("/predict?top_k=10", content=picture)
        return [answer["label"] for answer in reply.json()["predictions"]]

    assert asyncio.run(ask("ms")) == asyncio.run(ask("onnx"))


def test_full_quantisation_runs_and_is_judged_by_its_accuracy(
    bundles: dict[str, Path], lite: LiteEnvironment, digits_pictures: Path
) -> None:
    if lite.converter is None:
        pytest.skip("full quantisation needs the C++ converter")
    bundle = bundles["lenet5"]

    check.main([str(bundle), "--pictures", str(digits_pictures), "--variants", "int8", "int8_weight"])

    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["lite"]["int8"]["size_bytes"] < 0.4 * manifest["models"]["ms"]["size_bytes"]
    assert manifest["lite"]["int8"]["top1_agreement"] > 0.9
    assert "unpacked from 8 bits" in manifest["lite_refused"]["int8_weight"]["reason"]


def test_ms_file_out_of_tolerance_means_no_bundle(lite: LiteEnvironment, digits_run: Path, tmp_path: Path) -> None:
    options = ["--formats", "ms", "--tolerance", "1e-12", "--out", tmp_path / "bundle"]

    said = run("export.py", "--run", digits_run, *options, code=1)

    assert "ms does not compute what the trained network computes" in said
    assert list(tmp_path.iterdir()) == []


def test_without_lite_the_command_that_sets_it_up_is_named(digits_run: Path, tmp_path: Path) -> None:
    said = run(
        "export.py", "--run", digits_run, "--formats", "ms", "--out", tmp_path / "b", code=2,
        LITE_ENV=str(tmp_path / "nothing"),
    )  # fmt: skip

    assert said.strip().splitlines()[-1].endswith("run: python -m deploy.lite setup")
    assert not (tmp_path / "b").exists()


@pytest.fixture
def release(lite: LiteEnvironment, tmp_path: Path) -> Path:
    if lite.converter is None:
        pytest.skip("MindSpore Lite is set up without a C++ compiler")
    return lay_out_release(lite, tmp_path)


def test_release_is_used_where_it_lies(
    release: Path, bundles: dict[str, Path], digits_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITE_ENV", str(tmp_path / "own"))
    bundle = shutil.copytree(bundles["mobilenetv2"], tmp_path / "bundle")

    assert setup.main(["--release", str(release)]) == 0
    result = checked(bundle, "cpp", digits_pictures)

    assert result["top1_agreement"] == 1
    assert result["runtime"] == "mindspore-lite 2.0.0 (C++)"
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["bin", "lite.json"]


def test_cpp_way_needs_no_python_3_7(
    lite: LiteEnvironment,
    bundles: dict[str, Path],
    digits_pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if compile.find_compiler() is None:
        pytest.skip("no C++ compiler")
    monkeypatch.setenv("LITE_ENV", str(tmp_path / "own"))

    def unpack(folder: Path, machine: str) -> Path:  # what was downloaded once serves
        folder.mkdir()
        (folder / "mindspore_lite").symlink_to(lite.path(lite.package))
        return folder / "mindspore_lite"

    monkeypatch.setattr(wheel, "unpack", unpack)
    bundle = shutil.copytree(bundles["mobilenetv2"], tmp_path / "bundle")

    assert setup.main(["--no_python"]) == 0
    result = checked(bundle, "cpp", digits_pictures)

    assert result["top1_agreement"] == 1
    assert find_lite().languages() == ("cpp",)
