"""What goes to a device: one model with what it needs, and nothing that is not its business."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BundleError
from deploy.bundle.bundle import Bundle, hash_files, read_bundle
from deploy.lite import device
from tests.unit.deploy.small_bundle import onnx_entry, write_bundle

ENTRY = onnx_entry(
    file="model.ms", runtime="mindspore_lite", batch=1, opset=None, mended=["converted by mindspore-lite 2.0.0"]
)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A bundle with an ONNX and a .ms file, calibration pictures, and class names in Chinese."""
    folder = write_bundle(tmp_path / "bundle")
    (folder / "model.ms").write_bytes(b"a model")
    (folder / "labels.zh.txt").write_text("红\n绿\n蓝\n", encoding="utf-8")
    (folder / "lite" / "calibration").mkdir(parents=True)
    (folder / "lite" / "calibration" / "0000.png").write_bytes(b"a training picture")
    manifest = read_bundle(folder).manifest
    models = {"onnx": manifest.models["onnx"], "ms": type(manifest.models["onnx"]).model_validate(ENTRY)}
    files = hash_files(folder)
    (folder / "manifest.json").write_text(
        manifest.model_copy(update={"models": models, "files": files}).model_dump_json(), encoding="utf-8"
    )
    return read_bundle(folder)


@pytest.mark.parametrize("client", device.CLIENTS)
def test_device_gets_one_model_and_one_client_and_no_picture(client: str, bundle: Bundle, tmp_path: Path) -> None:
    device.pack(bundle, "ms", client, tmp_path / "device")

    packed = read_bundle(tmp_path / "device")
    files = {path.relative_to(packed.path).as_posix() for path in packed.path.rglob("*") if path.is_file()}
    own = {name for name in files if not name.startswith("lite/")}
    assert own == {
        "README.md", "labels.txt", "labels.zh.txt", "manifest.json", "model.ms", "preprocessing.json"
    }  # fmt: skip
    assert {name.split("/")[1] for name in files - own} == set(device.CLIENTS[client])
    assert set(packed.manifest.files) == files - {"manifest.json"}
    assert list(packed.manifest.models) == ["ms"]
    assert (packed.classes, packed.preprocessing) == (bundle.classes, bundle.preprocessing)


def test_file_that_is_not_for_lite_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="name ms, ms_fp16 or ms_int8") as caught:
        device.pack(bundle, "onnx", "cpp", tmp_path / "device")

    assert caught.value.exit_code == 2
    assert not (tmp_path / "device").exists()


def test_model_that_is_not_there_is_refused_with_those_that_are(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"has no model ms_int8.*it has onnx, ms"):
        device.pack(bundle, "ms_int8", "cpp", tmp_path / "device")


def test_folder_that_is_there_is_left_alone(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "device").mkdir()
    (tmp_path / "device" / "own.txt").write_text("mine")

    with pytest.raises(BundleError, match="exists; name another folder"):
        device.pack(bundle, "ms", "cpp", tmp_path / "device")

    assert [path.name for path in (tmp_path / "device").iterdir()] == ["own.txt"]


def test_device_without_a_ms_file_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="add ms to --formats"):
        device.check_device(("mindir", "onnx"), tmp_path / "device")
