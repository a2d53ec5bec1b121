"""An export from which every format was dropped is a failure and leaves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

ms = pytest.importorskip("mindspore")

from common.errors import BundleError, ParityError  # noqa: E402
from datazoo.pictures import Splits  # noqa: E402
from deploy.bundle.bundle import read_bundle  # noqa: E402
from deploy.export.exporting import export_bundle  # noqa: E402
from deploy.export.request import ExportRequest  # noqa: E402

REASON = "9.0 points are lost"


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every smaller file loses accuracy."""
    monkeypatch.setattr("deploy.export.choice.loss_problem", lambda validation, parity: REASON)


@pytest.mark.usefixtures("refusing")
def test_no_format_left_is_a_failure(make_checkpoint: Callable[..., Path], digits: Splits, tmp_path: Path) -> None:
    request = ExportRequest(make_checkpoint({"name": "lenet5_modern"}), ("onnx_fp16",))

    with pytest.raises(ParityError, match=rf"no bundle was written.*onnx_fp16: {REASON}") as caught:
        export_bundle(tmp_path / "bundle", request, digits.val.subset(range(5)), digits.train)
    assert caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("refusing")
def test_a_dropped_format_beside_a_good_one_is_told(
    make_checkpoint: Callable[..., Path], digits: Splits, tmp_path: Path
) -> None:
    request = ExportRequest(make_checkpoint({"name": "lenet5_modern"}), ("onnx", "onnx_fp16"))

    export_bundle(tmp_path / "bundle", request, digits.val.subset(range(5)), digits.train)

    bundle = read_bundle(tmp_path / "bundle")
    assert list(bundle.manifest.models) == ["onnx"]
    with pytest.raises(BundleError, match=REASON):
        bundle.model("onnx_fp16")


def test_class_names_that_fit_in_no_list_are_refused(
    make_checkpoint: Callable[..., Path], digits: Splits, tmp_path: Path
) -> None:
    checkpoint = make_checkpoint({"name": "lenet5_modern"})
    sidecar = checkpoint.resolve().with_suffix(".json")
    values = json.loads(sidecar.read_text())
    values["classes"][3] = "three\nor four"
    sidecar.write_text(json.dumps(values))

    with pytest.raises(BundleError, match=r"line 4: the name 'three\\nor four' holds"):
        export_bundle(tmp_path / "bundle", ExportRequest(checkpoint, ("onnx",)), digits.val, digits.train)
    assert list(tmp_path.iterdir()) == []
