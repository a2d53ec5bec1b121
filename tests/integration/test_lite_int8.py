"""Full quantisation by MindSpore Lite, where it is set up."""

from __future__ import annotations

from pathlib import Path

import pytest

from datazoo.sources.digits import load
from deploy.export import choice
from deploy.export.exporting import export_bundle
from deploy.export.request import ExportRequest
from deploy.use.lite_environment import LiteEnvironment


def test_most_sensitive_layers_stay_float_where_int8_loses_too_much(
    lite: LiteEnvironment, digits_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lite.converter is None:
        pytest.skip("full quantisation needs the C++ converter")
    sizes = []

    def refuse_the_first(validation: object, parity: object) -> str | None:
        sizes.append(next(tmp_path.rglob("model_int8.ms")).stat().st_size)
        return "too much is lost" if len(sizes) == 1 else None

    monkeypatch.setattr(choice, "loss_problem", refuse_the_first)
    monkeypatch.setattr(choice, "SHARES", (0.0, 0.4))  # of five layers
    splits = load(0.1, 0)
    request = ExportRequest(digits_run / "checkpoints" / "best.ckpt", ("ms_int8",))

    manifest = export_bundle(tmp_path / "bundle", request, splits.val, splits.train)

    model = manifest.models["ms_int8"]
    assert model.mended[-1] == "2 of 5 layers stay float32"
    assert model.size_bytes == sizes[1] > sizes[0]
    assert len(manifest.sensitivity) == 5
