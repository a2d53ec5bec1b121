"""JSON from elsewhere is bounded before it is believed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.bounded_json import MAX_DEPTH, parse_bounded, read_json

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(PLAIN)
def test_plain_values_come_back(value: object) -> None:
    assert parse_bounded(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": NaN}', "NaN is not a number"),
        (b"[-Infinity]", "-Infinity is not a number"),
        (b"[1e999]", "too large for a number"),
        (b'{"a": 1, "a": 2}', "'a' is there twice"),
        (b'["\\ud800"]', "half a character"),
        (b'{"\\udfff": 1}', "half a character"),
        (b"\xff", "not UTF-8"),
        (b"[1,", "line 1"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "deep"),
        (b"[" * 100_000, "deep"),
        (b"1" * 10_000, "digits"),
    ],
)
def test_what_no_other_reader_agrees_on_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_bounded(content)


def test_python_s_own_dialect_is_read_on_demand() -> None:
    assert parse_bounded(b'{"score": Infinity, "name": "\\udcb9"}', strict=False)["name"] == "\udcb9"


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "large.json").open("wb") as stream:
        stream.truncate(10**12)  # sparse: nothing could read it whole

    with pytest.raises(ValueError, match="1,000,000,000,000 bytes is above the limit"):
        read_json(tmp_path / "large.json")


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")

    with pytest.raises(ValueError, match="not a regular file"):
        read_json(tmp_path / "pipe.json")
