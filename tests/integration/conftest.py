import subprocess
import sys
from pathlib import Path

import pytest

from deploy.use.lite_environment import LiteEnvironment, LiteError, find_lite
from kernels.build import KernelsUnavailable, library
from tests.integration.jobs import ROOT, environment, finish, train
from tests.integration.lite_clients import NETWORKS, run
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
    split = load(0.1, 0).named("test")
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


@pytest.fixture(scope="session")
def lite() -> LiteEnvironment:
    try:
        return find_lite()
    except LiteError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def lite_bundles(lite: LiteEnvironment, digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
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
    checkpoint = save_checkpoint(folder, splits.named("test").classes, network, spec, None)
    proof = splits.named("test").subset(range(0, 359, 12))
    export_bundle(folder / "mobilenetv2", ExportRequest(checkpoint, ("onnx",)), proof, splits.train)
    return {name: folder / name for name in NETWORKS}


@pytest.fixture
def kernels_in_graphs() -> None:
    """Graph mode and compiled kernels; where they cannot be compiled there is nothing to compare."""
    import mindspore as ms

    try:
        library()
    except KernelsUnavailable as error:
        pytest.skip(str(error))
    ms.set_context(mode=ms.GRAPH_MODE)
