from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from datazoo.pictures import Splits


@pytest.fixture(scope="module")
def bundle(make_checkpoint: Callable[..., Path], digits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from deploy.export.exporting import export_bundle
    from deploy.export.request import ExportRequest

    target = tmp_path_factory.mktemp("lite") / "bundle"
    export_bundle(
        target, ExportRequest(make_checkpoint({"name": "lenet5_modern"}), ("onnx",)), digits.val, digits.train
    )
    return target
