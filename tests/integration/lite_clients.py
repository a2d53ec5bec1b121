"""Starting a bundle's Lite clients as their users do, and reading what they print."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from deploy.bundle.bundle import read_bundle
from deploy.export.lite_convert import convert
from deploy.lite import check, compile
from deploy.lite.measure import bundle_source
from deploy.use.lite_environment import LiteEnvironment, find_lite
from tests.integration.jobs import ROOT, environment

NETWORKS = ("lenet5", "mobilenetv2")


def parse(text: str) -> list[tuple[str, float]]:
    """Labels and probabilities that a client prints."""
    lines = re.findall(r"^\s*([\d.e+-]+)\s*%\s+(.+)$", text, re.MULTILINE)
    return [(label, float(number) / 100) for number, label in lines]


def same_answers(own: list[tuple[str, float]], expected: list[tuple[str, float]]) -> None:
    assert [label for label, _ in own] == [label for label, _ in expected]
    np.testing.assert_allclose([p for _, p in own], [p for _, p in expected], atol=6e-5)  # two decimals of a percent


def predict_answers(bundle: Path, files: list[Path], out: Path) -> dict[str, list[tuple[str, float]]]:
    """The three best answers of predict.py with the ONNX file, by the picture's name."""
    run("predict.py", *files, "--model", bundle, "--format", "onnx", "--top_k", "3", "--quiet", "--json", out)
    return {
        Path(entry["file"]).name: [(answer["label"], answer["probability"]) for answer in entry["predictions"]]
        for entry in json.loads(out.read_text())
    }


def client_answers(client: list[str], lite: LiteEnvironment, bundle: Path, pictures: Path) -> dict:
    file = bundle / "lite" / "fp32.ms"
    if not file.is_file():
        convert(find_lite(), bundle_source(read_bundle(bundle)), file, "fp32")
    answers = {}
    for picture in sorted(pictures.iterdir()):
        command = [*client, str(bundle), str(file), str(picture), "3"]
        done = subprocess.run(command, env=lite.variables(), capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        answers[picture.name] = parse(done.stdout)
    return answers


def lay_out_release(lite: LiteEnvironment, folder: Path) -> Path:
    """Make the folders and names of an unpacked release around the wheel's libraries."""
    place = folder / "mindspore-lite-2.0.0-linux-x64"
    libraries, package = place / "runtime" / "lib", lite.path(lite.package)
    libraries.mkdir(parents=True)
    (place / "runtime" / "include").symlink_to(package / "include")
    for file in (package / "lib").iterdir():
        (libraries / file.name).symlink_to(file)
    names = " ".join((*compile.WHEEL_LIBRARIES, compile.GLOG))
    (libraries / "libmindspore-lite.so").write_text(f"INPUT({names})\n")  # read by the linker only
    converter = place / "tools" / "converter" / "converter" / "converter_lite"
    converter.parent.mkdir(parents=True)
    assert lite.converter is not None
    program = " ".join(f'"{word}"' for word in lite.program(lite.converter))
    converter.write_text(f"""#!/bin/sh
for word; do case $word in
    --modelFile=*) model=${{word#*=}} ;;
    --outputFile=*) output=${{word#*=}} ;;
    --inputShape=*) shape=${{word#*=}} ;;
    --fp16=on) fp16=1 ;;
    --configFile=*) config=${{word#*=}} ;;
esac; done
exec {program} "$model" "$output" "$shape" "${{fp16:-0}}" $config
""")
    converter.chmod(0o755)
    return place


def run(*arguments: object, code: int = 0, **variables: str) -> str:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment(**variables), capture_output=True, text=True, timeout=200)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def checked(bundle: Path, language: str, digits_pictures: Path) -> dict:
    """What the checker writes about the float32 file."""
    options = ["--pictures", str(digits_pictures), "--count", "90", "--variants", "fp32", "--language", language]
    assert check.main([str(bundle), *options]) == 0
    return json.loads((bundle / "manifest.json").read_text())["lite"]["fp32"]
