"""A config that is written to a file and read again is the same config."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.config import Config, dump_config, load_config
from engine.config.keys import config_keys

BASE = Config.model_validate(
    {"data": {"preprocessing": {"color": "gray", "resize": None, "image_size": 32, "mean": [0.5], "std": [0.5]}}}
)
TEXT = st.text(min_size=1)
st.register_type_strategy(Path, TEXT.map(Path))


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, Any]:
    """Draw a key and a value of its type, within its bounds or not."""
    key = draw(st.sampled_from(sorted(set(config_keys()) - {"model.name"})))
    return key, draw(st.from_type(config_keys()[key].annotation))


def changed(values: Any, path: list[str], value: Any) -> Any:
    return {**values, path[0]: changed(values.get(path[0], {}), path[1:], value)} if path else value


@settings(max_examples=100, deadline=None)
@given(changes_made=st.lists(changes(), min_size=1, max_size=6))
def test_any_config_survives_dump_and_load(
    tmp_path_factory: pytest.TempPathFactory, changes_made: list[tuple[str, Any]]
) -> None:
    config = BASE
    for key, value in changes_made:
        try:
            config = Config.model_validate(changed(config.model_dump(), key.split("."), value))
        except ValidationError:
            continue
    assume(config != BASE and all(math.isfinite(number) for number in numbers(config.model_dump())))
    path = tmp_path_factory.mktemp("round") / "config.yaml"

    path.write_text(dump_config(config), encoding="utf-8")

    assert load_config(path) == config


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, float):
        yield value


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=4).map(tuple), st.text().map(Path))
def test_any_text_survives_dump_and_load(
    tmp_path_factory: pytest.TempPathFactory, classes: tuple[str, ...], folder: Path
) -> None:
    config = BASE.model_copy(update={"data": BASE.data.model_copy(update={"classes": classes, "path": folder})})
    path = tmp_path_factory.mktemp("text") / "config.yaml"
    path.write_text(dump_config(config), encoding="utf-8")
    assert load_config(path) == config
