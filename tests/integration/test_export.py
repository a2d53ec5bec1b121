"""Export and prediction through the doors: the same answers from every file."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.jobs import ROOT, environment


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=200)


@pytest.fixture(scope="module")
def evaluated(digits_run: Path) -> int:
    """Right answers of eval.py on the test split."""
    done = run("eval.py", "--run", digits_run, "--split", "test")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((digits_run / "eval_test.json").read_text())
    return sum(row[i] for i, row in enumerate(result["confusion"]))


@pytest.mark.parametrize("source", ["run", "checkpoint", "mindir", "onnx", "onnx_picture", "model.onnx"])
def test_predict_counts_what_eval_counts(
    source: str, evaluated: int, digits_run: Path, digits_bundle: Path, digits_pictures: Path, tmp_path: Path
) -> None:
    model = {
        "run": [digits_run],
        "checkpoint": [digits_run / "checkpoints" / "best.ckpt"],
        "model.onnx": [digits_bundle / "model.onnx"],
    }.get(source, [digits_bundle, "--format", source])

    done = run("predict.py", digits_pictures, "--model", *model, "--quiet", "--json", tmp_path / "answers.json")

    assert done.returncode == 0, done.stdout + done.stderr
    answers = json.loads((tmp_path / "answers.json").read_text())
    right = sum(entry["predictions"][0]["label"] == Path(entry["file"]).parent.name for entry in answers)
    assert right == evaluated
    assert len(answers) == 359


def test_manifest_tells_every_figure(evaluated: int, digits_bundle: Path) -> None:
    manifest = json.loads((digits_bundle / "manifest.json").read_text())

    assert manifest["accuracy"]["correct"] == evaluated
    for name in ("mindir", "onnx", "onnx_picture"):
        assert manifest["models"][name]["parity"]["accuracy"]["correct"] == evaluated
        assert manifest["models"][name]["parity"]["top1_agreement"] == 1
    for name in ("onnx_fp16", "onnx_int8"):
        entry = manifest["models"].get(name) or manifest["refused"][name]
        low, high = entry["parity"]["accuracy"]["interval"]
        assert low < entry["parity"]["accuracy"]["top1"] < high
    int8 = manifest["models"]["onnx_int8"]
    assert int8["size_bytes"] < 0.3 * manifest["models"]["onnx"]["size_bytes"]
    assert int8["latency"]["ratio"] > 0


def test_out_of_tolerance_is_an_error_and_leaves_nothing(digits_run: Path, tmp_path: Path) -> None:
    done = run("export.py", "--run", digits_run, "--formats", "onnx", "--tolerance", "1e-12", "--out", tmp_path / "b")

    assert done.returncode == 1
    assert "does not compute what the trained network computes" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--formats", "tflite"], "unknown format 'tflite'"),
        (["--formats", "air"], "Ascend"),
        (["--sensitivity"], "add onnx_int8 to --formats"),
        (["--device", "cpp"], "add ms to --formats"),
        (["--checkpoint", "nowhere.ckpt"], "nowhere"),
        (["--local_names", "zh"], "LANGUAGE=FILE"),
    ],
)
def test_bad_export_arguments_get_one_line(arguments: list[str], words: str, digits_run: Path, tmp_path: Path) -> None:
    done = run("export.py", "--run", digits_run, *arguments, "--out", tmp_path / "b")

    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3
    assert not (tmp_path / "b").exists()


def test_damaged_bundle_and_nothing_to_predict_are_refused(
    digits_bundle: Path, digits_pictures: Path, tmp_path: Path
) -> None:
    damaged = shutil.copytree(digits_bundle, tmp_path / "damaged")
    with (damaged / "model.onnx").open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff")
    (tmp_path / "empty").mkdir()

    refused = run("predict.py", digits_pictures, "--model", damaged)
    nothing = run("predict.py", tmp_path / "empty", "--model", digits_bundle)

    assert (refused.returncode, nothing.returncode) == (2, 2)
    assert "model.onnx is not the file that was exported" in refused.stderr
    assert "no pictures" in nothing.stderr


def test_a_bad_file_among_good_ones_is_named(digits_bundle: Path, digits_pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"")
    good = next(digits_pictures.rglob("*.png"))

    done = run("predict.py", tmp_path, good, "--model", digits_bundle)

    assert done.returncode == 1
    assert "1 of 2 pictures predicted" in done.stdout
    assert "bad.png: empty file" in done.stderr


def test_commands_of_the_readme_run_as_they_stand(digits_bundle: Path, tmp_path: Path) -> None:
    """In a copy under another name: who receives a bundle puts it where he likes."""
    moved = tmp_path / "a bundle, \u6539\u540d"
    shutil.copytree(digits_bundle, moved)
    alone, setting, kit, *_ = re.findall(r"```sh\n(.+?)```", (moved / "README.md").read_text("utf-8"), re.DOTALL)
    (snippet,) = re.findall(r"```python\n(.+?)```", (moved / "README.md").read_text("utf-8"), re.DOTALL)
    commands = kit.splitlines()
    # The server does not end; test_lite_device.py makes folders for devices.
    assert [command.split()[1:4] for command in commands[2:]] == [
        ["-m", "deploy.serve", '"$BUNDLE"'],
        ["-m", "deploy.lite", "device"],
    ]

    def shell(text: str, folder: Path) -> str:
        done = subprocess.run(["bash", "-euc", text], cwd=folder, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    by_client = shell(alone.replace("pip install onnxruntime numpy pillow\n", ""), moved)
    by_kit = shell(f"{setting}\ncd {shlex.quote(str(ROOT))}\n{commands[0]}", moved)
    by_check = shell(f"{setting}\ncd {shlex.quote(str(ROOT))}\n{commands[1]}", moved)
    by_snippet = subprocess.run(
        [sys.executable, "-c", snippet], cwd=moved, env=environment(), capture_output=True, text=True, check=True
    ).stdout

    best = by_client.splitlines()[0].split()
    assert by_kit.split()[:2] == best
    assert by_snippet.strip() == best[1]
    assert "not run here (MindSpore Lite is not set up" in by_check or "fp32: " in by_check
