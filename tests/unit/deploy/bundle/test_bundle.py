"""Bundles are read only when they are whole and stay inside their folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import BundleError
from deploy.bundle.bundle import hash_files, new_bundle, read_bundle
from deploy.bundle.labels import read_local_names


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "labels.txt").write_text("cat\ndog\n")
    (folder / "preprocessing.json").write_text('{"image_size": 32, "resize": 36}')
    (folder / "model.onnx").write_bytes(b"weights")
    accuracy = {"split": "val", "n": 2, "correct": 1, "top1": 0.5, "interval": [0.1, 0.9]}
    tensor = {"name": "image", "dtype": "float32", "shape": ["batch", 3, 32, 32], "layout": "NCHW"}
    model: dict[str, Any] = {
        "file": "model.onnx", "runtime": "onnxruntime", "precision": "float32", "preprocessing": "outside",
        "batch": None, "input": tensor, "output": tensor, "opset": 11, "mended": [], "size_bytes": 7, "parity": None,
    }  # fmt: skip
    manifest = {
        "created": "2030-01-01", "network": {"name": "net"}, "num_classes": 2, "output_kind": "logits",
        "merged_adapters": 0, "folded_batch_norms": 0, "checkpoint": {"file": "a", "epoch": 1, "sha256": "0"},
        "accuracy": accuracy, "leaking_split": False, "models": {"onnx": model}, "refused": {}, "versions": {},
        "git_commit": None, "files": hash_files(folder),
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_whole_bundle_is_read(bundle: Path) -> None:
    read = read_bundle(bundle)

    assert read.classes == ("cat", "dog")
    assert read.preprocessing.image_size == 32
    assert read.model()[0] == "onnx"


def test_changed_file_is_refused(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(b"WEIGHTS")

    with pytest.raises(BundleError, match=r"model\.onnx is not the file that was exported"):
        read_bundle(bundle)


def test_missing_file_is_refused(bundle: Path) -> None:
    (bundle / "labels.txt").unlink()

    with pytest.raises(BundleError, match=r"labels\.txt is missing"):
        read_bundle(bundle)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret", "..\\secret"])
def test_path_outside_the_folder_is_refused(bundle: Path, name: str) -> None:
    (bundle.parent / "secret").write_text("secret")
    _edit(bundle, lambda manifest: manifest["files"].update({name: "0"}))

    with pytest.raises(BundleError, match="outside the folder"):
        read_bundle(bundle)


def test_link_out_of_the_folder_is_refused(bundle: Path) -> None:
    (bundle / "model.onnx").rename(bundle.parent / "elsewhere.onnx")
    os.symlink(bundle.parent / "elsewhere.onnx", bundle / "model.onnx")

    with pytest.raises(BundleError, match="link out of the folder"):
        read_bundle(bundle)


def test_model_file_without_a_hash_is_refused(bundle: Path) -> None:
    _edit(bundle, lambda manifest: manifest["models"]["onnx"].update(file="../model.onnx"))

    with pytest.raises(BundleError, match="lists no hash"):
        read_bundle(bundle)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"bundle_version": 2}', "\udcff".encode("utf-8", "surrogateescape")])
def test_foreign_manifest_is_refused(bundle: Path, text: str | bytes) -> None:
    (bundle / "manifest.json").write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(BundleError, match="is not one of this version"):
        read_bundle(bundle)


def test_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a bundle"):
        read_bundle(tmp_path)


def test_wrong_number_of_labels_is_refused(bundle: Path) -> None:
    (bundle / "labels.txt").write_text("cat\n")
    _edit(bundle, lambda manifest: manifest.update(files=hash_files(bundle)))

    with pytest.raises(BundleError, match="1 names for 2 classes"):
        read_bundle(bundle)


def test_unknown_model_is_refused_with_the_known_ones(bundle: Path) -> None:
    with pytest.raises(BundleError, match="has no model mindir; it has onnx"):
        read_bundle(bundle).model("mindir")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def stop_half_way() -> None:
        with new_bundle(tmp_path / "bundle") as folder:
            (folder / "half").write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        stop_half_way()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_bundle_is_not_overwritten(bundle: Path) -> None:
    with pytest.raises(BundleError, match="exists"), new_bundle(bundle):
        pass
    assert read_bundle(bundle)


def test_local_names_in_another_encoding_are_refused(tmp_path: Path) -> None:
    (tmp_path / "zh.txt").write_bytes("猫\n狗\n".encode("gbk"))

    with pytest.raises(BundleError, match="not UTF-8"):
        read_local_names(f"zh={tmp_path / 'zh.txt'}", 2)
