"""What is written means the same to readers of YAML 1.1 and 1.2."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from engine.config.entries import find
from engine.config.yaml_source import parse_value
from engine.config.yaml_writer import write_yaml

LOOKALIKES = [
    "", "~", "null", "on", "off", "yes", "no", "y", "n", "true", "True", "007", "0o17", "0x1F", "0b1", "1_000", "1e-3",
    ".5", ".5e3", "+1", "-1", "1:30", "1:30.5", "2024-01-02", ".inf", "-.inf", ".nan", "<<", "=", "-", "?", ":", "a: b",
    "a #b", "#a", "*a", "&a", "!a", "%a", "@a", "`a", "|", ">", "'", '"', "\\", " a", "a ", "a\nb", "\x85", "\u2028",
    "\ufeff", "\x7f", "---", "...", "[a]", "{a}", "[", "，", "垃圾",
]  # fmt: skip
TEXT = st.text() | st.sampled_from(LOOKALIKES) | st.text("0123456789.eE+-_:oxb", max_size=6)
SCALAR = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | TEXT
VALUE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


@settings(deadline=None)
@given(st.dictionaries(TEXT.filter(lambda key: len(key) < 100), VALUE, max_size=4), st.booleans())
def test_any_value_is_read_back_by_readers_of_yaml_1_1_and_1_2(value: object, on_one_line: bool) -> None:
    text = write_yaml(value, on_one_line=on_one_line)
    assert yaml.safe_load(text) == value
    assert YAML(typ="safe", pure=True).load(text) == value


@pytest.mark.parametrize("text", LOOKALIKES)
def test_text_that_looks_like_something_else_stays_text(text: str) -> None:
    entry = find(parse_value(write_yaml({"a": text})), ["a"])
    assert entry is not None
    assert entry.value == text


def test_equal_values_are_written_out_in_full() -> None:
    shared = [1, 2]
    assert write_yaml({"b": shared, "a": shared}) == "b:\n- 1\n- 2\na:\n- 1\n- 2\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null\n"), ("a", "a\n"), (1e-8, "1.0e-08\n"), (["a" * 90] * 3, f"[{', '.join(['a' * 90] * 3)}]\n")],
)
def test_one_line_is_one_line(value: object, text: str) -> None:
    assert write_yaml(value, on_one_line=True) == text
