"""A run learns what was exported of it."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from deploy.bundle.manifest import Manifest
from deploy.export.run_note import note_in_run
from report.page import write_report

ACCURACY = {"split": "val", "n": 4, "correct": 3, "top1": 0.75, "interval": [0.3, 0.95]}
PARITY = {
    "runtime": "onnxruntime", "n": 4, "max_abs_diff": 1e-6, "mean_abs_diff": 1e-7, "top1_agreement": 1.0,
    "tolerance": 1e-3, "accuracy": ACCURACY,
}  # fmt: skip
TENSOR = {"name": "image", "dtype": "float32", "shape": ["batch", 3, 32, 32], "layout": "NCHW"}
MODEL: dict[str, Any] = {
    "file": "model.onnx", "runtime": "onnxruntime", "precision": "float32", "preprocessing": "outside",
    "batch": None, "input": TENSOR, "output": TENSOR, "opset": 11, "mended": [], "size_bytes": 7, "parity": PARITY,
}  # fmt: skip
MANIFEST = Manifest.model_validate(
    {
        "created": "2030-01-01", "network": {"name": "net"}, "num_classes": 2, "output_kind": "logits",
        "merged_adapters": 0, "folded_batch_norms": 0, "checkpoint": {"file": "a", "epoch": 1, "sha256": "ab"},
        "accuracy": ACCURACY, "leaking_split": False, "models": {"onnx": MODEL}, "refused": {}, "versions": {},
        "git_commit": None, "files": {},
    }
)  # fmt: skip


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").write_text("name: run\n")
    path = run / "checkpoints" / "epoch_0001.ckpt"
    path.write_bytes(b"")
    (run / "checkpoints" / "best.ckpt").symlink_to(path.name)
    return run / "checkpoints" / "best.ckpt"


def test_the_report_is_written_anew_with_the_proof_and_in_its_language(checkpoint: Path, tmp_path: Path) -> None:
    write_report(tmp_path / "run", "zh")

    page = note_in_run(checkpoint, tmp_path / "bundle", MANIFEST)

    assert page == tmp_path / "run" / "report.html"
    text = page.read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in text
    assert str(tmp_path / "bundle") in text
    noted = json.loads((tmp_path / "run" / "export.json").read_text(encoding="utf-8"))
    assert noted["models"]["onnx"]["parity"]["max_abs_diff"] == 1e-6


def test_a_checkpoint_outside_of_a_run_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.ckpt").write_bytes(b"")

    assert note_in_run(tmp_path / "a" / "x.ckpt", tmp_path / "bundle", MANIFEST) is None
    assert not (tmp_path / "export.json").exists()


def test_a_run_that_cannot_be_read_is_told_and_is_no_failure(
    checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_report(tmp_path / "run")
    (tmp_path / "run" / "summary.json").write_text("{")

    with caplog.at_level(logging.WARNING):
        assert note_in_run(checkpoint, tmp_path / "bundle", MANIFEST) is None

    assert "its report does not learn of this export" in caplog.text
