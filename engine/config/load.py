"""A YAML recipe and overrides in, one checked `Config` out; every problem is named with its place."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from common.errors import ConfigError
from engine.config.entries import COMMAND_LINE, Entry, find, merge, put, without
from engine.config.keys import MOVED, annotation_of, config_keys, section_docs, union_parts
from engine.config.on_ascend import is_on_ascend, take_out
from engine.config.problems import Json, in_order, problems_of, unknown_key
from engine.config.schema import Config
from engine.config.typed import check_text, read_typed
from engine.config.yaml_source import read_recipe
from engine.config.yaml_writer import write_yaml

logger = logging.getLogger(__name__)

Overrides = Mapping[str, str] | Sequence[tuple[str, str]]


def load_config(recipe: Path | None, overrides: Overrides = ()) -> Config:
    """Read a recipe, lay its `ascend` section on it if it will run there, then overrides, and check the result.

    Args:
        recipe: YAML file, or None to start from the schema's defaults.
        overrides: dotted keys and their values as they are typed on a command line (`typed.read_typed`); later ones
            win. Giving a whole section as a mapping (`model={name: mobilenetv2}`) replaces the recipe's section.

    Raises:
        ConfigError: lists every unknown key, wrong type, value out of bounds and impossible combination.
    """
    root = read_recipe(recipe, _with_new_names) if recipe is not None else Entry({}, "defaults")
    problems: list[str] = []
    typed: list[tuple[str, Entry]] = []
    for key, text in overrides.items() if isinstance(overrides, Mapping) else overrides:
        if _exists(key):
            typed.append((key, read_typed(MOVED.get(key, key), text)))
        else:
            problems.append(unknown_key(key, COMMAND_LINE))
    is_run = recipe is not None and (recipe.parent / "classes.json").is_file()
    plain, ascend = take_out(root)
    # Both are checked on every machine: who writes a recipe need not have an Ascend.
    variants = [plain] if ascend is None else [plain, merge(plain, ascend)]
    variants = [_overridden(variant, typed, is_run) for variant in variants]
    configs = []
    for variant in variants:
        config, wrong = _checked(variant)
        configs.append(config)
        problems += wrong
    chosen = configs[-1 if is_on_ascend(variants[0]) else 0]
    if chosen is None or problems:
        raise ConfigError("\n".join(in_order(problems)))
    return chosen


def _overridden(root: Entry, typed: Sequence[tuple[str, Entry]], is_run: bool) -> Entry:
    """Lay what was typed on a recipe."""
    for key, entry in typed:
        root = _with_new_names(put(root, key.split("."), entry), last_wins=True)
    return _as_the_run_meant(root) if is_run else root


def _checked(root: Entry) -> tuple[Config | None, list[str]]:
    """The config, or what is wrong with it."""
    values = _plain(root, ())
    try:
        # Strict JSON mode: text is not a number and true is not 1, yet lists may be tuples and text may be a path.
        return Config.model_validate_json(json.dumps(values), strict=True), []
    except ValidationError as error:
        return None, list(problems_of(error, root, values))


def dump_config(config: Config) -> str:
    """Write a config as YAML that `load_config` reads back to an equal value."""
    return write_yaml(config.model_dump(mode="json"))


def _exists(key: str) -> bool:
    return key in config_keys() or key in MOVED or (key in section_docs() and key != "")


def _as_the_run_meant(root: Entry) -> Entry:
    """Read a run's own recipe, in which older versions left out or wrote what is read in another way now."""
    if (decay := find(root, ("train", "ema_decay"))) and decay.value and not find(root, ("train", "ema_warmup")):
        root = put(root, ("train", "ema_warmup"), Entry(False, decay.place))  # their averages had none
    return _with_val_held_out(root)


def _with_val_held_out(root: Entry) -> Entry:
    """Older runs wrote `val_split: val` where they found no such folder and held val out."""
    source, path, val = (find(root, ("data", key)) for key in ("source", "path", "val_split"))
    if not (source and path and val) or source.value != "image_folder" or val.place == COMMAND_LINE:
        return root
    folder = str(path.value)
    held_out = val.value == "val" and os.path.isdir(folder) and not os.path.isdir(os.path.join(folder, "val"))
    return put(root, ("data", "val_split"), Entry(None, val.place)) if held_out else root


def _with_new_names(root: Entry, *, last_wins: bool = False) -> Entry:
    """Move values from their keys' older names to the new ones.

    Args:
        root: one recipe, or the recipe with an override laid on it.
        last_wins: the older name comes from an override, which replaces whatever the recipe set.
    """
    for old, new in MOVED.items():
        entry = find(root, old.split("."))
        if entry is None:
            continue
        logger.warning("%s: %s is %s now", entry.place, old, new)
        root = without(root, old.split("."))
        if last_wins or find(root, new.split(".")) is None:
            root = put(root, new.split("."), entry)
    return root


def _plain(entry: Entry, path: tuple[str, ...]) -> Json:
    """Turn entries into JSON values, reading scalars as text where the schema wants text."""
    value, dotted = entry.value, ".".join(path)
    if value is None and dotted in section_docs():
        value = {}  # a section whose every line is commented out
    if isinstance(value, dict):
        default: dict[str, Json] = {"name": str(config_keys()["model.name"].default)} if dotted == "model" else {}
        return default | {
            check_text(key, "key", child.place): _plain(child, (*path, key)) for key, child in value.items()
        }
    if isinstance(value, list):
        return [_plain(child, (*path, str(index))) for index, child in enumerate(value)]
    if value is None:
        return value
    wanted = union_parts(annotation_of(path))
    if isinstance(value, str):
        return check_text(value, dotted, entry.place, is_path=Path in wanted)
    if bool in wanted and type(value) is int and value in (0, 1):
        return bool(value)
    if int in wanted and type(value) is int:
        return value  # of a key that takes a number or one of some words
    wants_text = str in wanted or Path in wanted or any(_is_choice_of_text(part) for part in wanted)
    if entry.text is not None and (wants_text or (isinstance(value, float) and not math.isfinite(value))):
        return check_text(entry.text, dotted, entry.place, is_path=Path in wanted)
    return value


def _is_choice_of_text(annotation: Any) -> bool:
    return get_origin(annotation) is Literal and all(isinstance(choice, str) for choice in get_args(annotation))
