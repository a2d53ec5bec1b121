"""A checkpoint's sidecar is bounded before it is believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import RunError
from engine.run.checkpoint import MAX_CLASSES, Sidecar

GOOD: dict[str, Any] = {
    "epoch": 1,
    "step": 2,
    "score": 0.5,
    "monitor": "val_top1",
    "sha256": "0",
    "classes": ["a", "b"],
    "preprocessing": {},
    "model": {},
    "parameters": {},
}


def _read(folder: Path, content: str) -> Sidecar:
    (folder / "epoch_0001.json").write_text(content, encoding="utf-8")
    return Sidecar.read(folder / "epoch_0001.ckpt")


def test_a_sidecar_of_a_score_that_is_not_finite_is_still_read(tmp_path: Path) -> None:
    assert _read(tmp_path, json.dumps({**GOOD, "score": float("inf")})).classes == ("a", "b")


@pytest.mark.parametrize(
    "fields",
    [
        {"classes": ["x"] * (MAX_CLASSES + 1)},
        {"classes": []},
        {"classes": "abc"},
        {"classes": [1, 2]},
        {"epoch": "1"},
        {"preprocessing": []},
        {"model": None},
        {"parameters": {"x": "y" * 17_000_000}},
        {"surprise": 1},
    ],
)
def test_a_sidecar_of_other_parts_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(RunError, match="not readable"):
        _read(tmp_path, json.dumps({**GOOD, **fields}))


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", "7", '{"model": ' * 40 + "1" + "}" * 40])
def test_a_sidecar_of_another_shape_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(RunError, match="not readable"):
        _read(tmp_path, content)
