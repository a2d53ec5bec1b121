"""Numbers that are not finite are no result, and never reach a file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.files import json_line, write_json
from common.finite import finite_or_none, first_not_finite, is_finite

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
)


def refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@given(VALUES)
def test_what_is_written_is_json_for_any_reader(value: object) -> None:
    json.loads(json_line(value), parse_constant=refuse)


def test_finite_values_stay_as_they_are() -> None:
    value = {"a": [1, 2.5, True, None, "NaN"], "b": {"c": -0.0}}

    assert finite_or_none(value) == value


def test_a_file_holds_null_where_a_number_is_not_finite(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"loss": float("nan"), "rows": (1.0, float("inf"))})

    assert json.loads((tmp_path / "a.json").read_text()) == {"loss": None, "rows": [1.0, None]}


@pytest.mark.parametrize(("value", "finite"), [(0.0, True), (None, False), (math.nan, False), (-math.inf, False)])
def test_a_score_counts_only_if_it_is_finite(value: float | None, finite: bool) -> None:
    assert is_finite(value) is finite


@pytest.mark.parametrize("bad", [np.float32("nan"), np.float64("-inf"), np.float64(1e300), np.float16("inf")])
def test_the_tensor_that_is_not_finite_is_named(bad: np.floating) -> None:
    tensors: dict[str, Any] = {
        "a": np.zeros(3),
        "count": np.int64(2),
        "b": np.array([bad, 1], dtype=bad.dtype),
        "c": np.array([np.nan]),
    }

    assert first_not_finite(tensors) == "b"
    assert first_not_finite({"a": np.zeros(3)}) is None
