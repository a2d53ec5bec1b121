import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.jobs import ROOT, environment, finish, train
from tests.integration.ranks import MOBILENET, two_by_msrun


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch on the digits."""
    folder = tmp_path_factory.mktemp("runs")
    finish(train("--train.epochs", "1", "--output_dir", folder))
    return folder / "lenet5_digits-seed0"


@pytest.fixture(scope="session")
def digits_bundle(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That run exported in every format, proven on the test split."""
    target = tmp_path_factory.mktemp("bundles") / "digits"
    formats = ["mindir", "onnx", "onnx_fp16", "onnx_int8", "onnx_picture"]
    command = [sys.executable, "export.py", "--run", str(digits_run), "--split", "test", "--formats", *formats]
    done = subprocess.run([*command, "--out", str(target)], cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture(scope="session")
def digits_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test split as PNG files, in a folder for each digit."""
    from PIL import Image

    from datazoo.sources.digits import load

    folder = tmp_path_factory.mktemp("digits")
    split = load(0.1, 0).test
    assert split.arrays is not None
    for index, (label, picture) in enumerate(zip(split.labels, split.arrays, strict=True)):
        (folder / str(label)).mkdir(exist_ok=True)
        Image.fromarray(picture[..., 0]).save(folder / str(label) / f"{index:04d}.png")
    return folder


@pytest.fixture(scope="session")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """LeNet-5 on two ranks of this machine, and what the launcher printed."""
    return two_by_msrun(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="session")
def two_mobilenets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The same of a small MobileNetV2."""
    return two_by_msrun(tmp_path_factory.mktemp("two_mobilenets"), *MOBILENET)
