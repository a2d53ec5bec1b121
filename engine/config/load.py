"""A YAML recipe and overrides in, one checked `Config` out; every problem is named with its place."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from common.errors import ConfigError
from engine.config.keys import (
    MOVED,
    annotation_of,
    config_keys,
    fields_of_listed_section,
    model_names,
    nearest_keys,
    section_docs,
    union_parts,
)
from engine.config.schema import Config
from engine.config.yaml_source import COMMAND_LINE, Entry, RecipeDumper, parse_value, read_recipe
from netzoo.registry import PLUGINS

logger = logging.getLogger(__name__)

# pydantic's words, in the words of a recipe
_PLAINER = {
    "an object": "a mapping of keys",
    "a valid array": "a list",
    "a valid string": "text",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "greater than or equal to": ">=",
    "less than or equal to": "<=",
    "greater than": ">",
    "less than": "<",
}

Overrides = Mapping[str, str] | Sequence[tuple[str, str]]


def load_config(recipe: Path | None, overrides: Overrides = ()) -> Config:
    """Read a recipe, lay overrides on it and check the result.

    Args:
        recipe: YAML file, or None to start from the schema's defaults.
        overrides: dotted keys and their values written as YAML; later ones win. Giving a whole section as a mapping
            (`model={name: mobilenetv2}`) replaces the recipe's section.

    Raises:
        ConfigError: lists every unknown key, wrong type, value out of bounds and impossible combination.
    """
    root = read_recipe(recipe) if recipe is not None else Entry({}, "defaults")
    pairs = list(overrides.items() if isinstance(overrides, Mapping) else overrides)
    unknown = [_unknown_key(key, COMMAND_LINE) for key, _ in pairs if not _exists(key)]
    for key, text in pairs:
        if _exists(key):
            root = _set(root, key.split("."), _override(MOVED.get(key, key), text))
    for old, new in MOVED.items():
        root = _moved(root, old, new)
    values = _plain(root, ())
    problems = list(unknown)
    config = None
    try:
        # Strict JSON mode: text is not a number and true is not 1, yet lists may be tuples and text may be a path.
        config = Config.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        problems += _problems(error, root, values)
    if config is None or problems:
        raise ConfigError("\n".join(sorted(dict.fromkeys(problems), key=_file_and_line)))
    return config


def dump_config(config: Config) -> str:
    """Write a config as YAML that `load_config` reads back to an equal value."""
    values = config.model_dump(mode="json")
    return yaml.dump(values, Dumper=RecipeDumper, sort_keys=False, allow_unicode=True, width=120)


def unknown_key_message(key: str, extra: Sequence[str] = ()) -> str:
    """Say that a key does not exist and which one may have been meant.

    Args:
        key: dotted path as the user wrote it.
        extra: further valid names, such as a door's own flags.
    """
    near = nearest_keys(key, extra)
    hint = f"did you mean {' or '.join(near)}?" if near else "--help lists every key"
    return f"{key}: unknown key; {hint}"


def _file_and_line(problem: str) -> tuple[bool, str, int]:
    place = re.match(r"(.*?):(\d+): ", problem)
    return (False, place[1], int(place[2])) if place else (True, "", 0)  # the command line comes last


def _exists(key: str) -> bool:
    return key in config_keys() or key in MOVED or (key in section_docs() and key != "")


def _unknown_key(key: str, place: str) -> str:
    models = config_keys()[key].models if key in config_keys() else ()
    if models:
        return f"{place}: {key}: is not a key of this model.name, only of {', '.join(models)}"
    siblings = fields_of_listed_section(key)
    if siblings:
        return f"{place}: {key}: unknown key; {key.rpartition('.')[0]} takes {', '.join(siblings)}"
    return f"{place}: {unknown_key_message(key)}"


def _override(key: str, text: str) -> Entry:
    entry = parse_value(text)
    wanted = union_parts(annotation_of(key.split(".")))
    if isinstance(entry.value, dict | list) and (str in wanted or Path in wanted):
        return Entry(text, COMMAND_LINE)  # a regex such as [ab] is text on a command line
    return entry


def _moved(root: Entry, old: str, new: str) -> Entry:
    """Move a value from its key's older name to the new one, which wins where both are set."""
    path, entry = old.split("."), root
    for step in path:
        if not isinstance(entry.value, dict) or step not in entry.value:
            return root
        entry = entry.value[step]
    logger.warning("%s: %s is %s now", entry.place, old, new)
    root = _without(root, path)
    return root if _set_at(root, new.split(".")) else _set(root, new.split("."), entry)


def _without(entry: Entry, path: Sequence[str]) -> Entry:
    assert isinstance(entry.value, dict)
    rest = {key: value for key, value in entry.value.items() if key != path[0]}
    if len(path) > 1:
        rest = {**entry.value, path[0]: _without(entry.value[path[0]], path[1:])}
    return Entry(rest, entry.place)


def _set(entry: Entry, path: Sequence[str], value: Entry) -> Entry:
    if not path:
        return value
    children = {} if entry.value is None else entry.value
    if not isinstance(children, dict):
        return entry  # a section that is not a mapping is reported when the types are checked
    child = children.get(path[0], Entry({}, value.place))
    return Entry({**children, path[0]: _set(child, path[1:], value)}, entry.place)


def _plain(entry: Entry, path: tuple[str, ...]) -> Any:
    """Turn entries into JSON values, reading scalars as text where the schema wants text."""
    value, dotted = entry.value, ".".join(path)
    if value is None and dotted in section_docs():
        value = {}  # a section whose every line is commented out
    if isinstance(value, dict):
        plain = {key: _plain(child, (*path, key)) for key, child in value.items()}
        if dotted == "model":
            plain.setdefault("name", config_keys()["model.name"].default)
        return plain
    if isinstance(value, list):
        return [_plain(child, (*path, str(index))) for index, child in enumerate(value)]
    if isinstance(value, str) or value is None:
        return value
    wanted = union_parts(annotation_of(path))
    if bool in wanted and type(value) is int and value in (0, 1):
        return bool(value)
    wants_text = str in wanted or Path in wanted or any(_is_choice_of_text(part) for part in wanted)
    if entry.text is not None and (wants_text or (isinstance(value, float) and not math.isfinite(value))):
        return entry.text
    return value


def _is_choice_of_text(annotation: Any) -> bool:
    return get_origin(annotation) is Literal and all(isinstance(choice, str) for choice in get_args(annotation))


def _problems(error: ValidationError, root: Entry, values: Any) -> Iterable[str]:
    by_key: dict[tuple[str, ...], list[str]] = {}
    for details in error.errors(include_url=False):
        path = _clean_path(details, values)
        if details["type"] == "extra_forbidden":
            yield _unknown_key(".".join(path), _place(root, path))
        elif details["type"] == "value_error":
            yield from (_combination(line, root, path) for line in str(details["ctx"]["error"]).split("\n"))
        else:
            by_key.setdefault(path, []).append(_complaint(details))
    for path, complaints in by_key.items():
        shown = " or ".join(dict.fromkeys(complaints))
        yield f"{_place(root, path)}: {'.'.join(path)}: {shown}{_given(values, path)}"


def _clean_path(details: ErrorDetails, values: Any) -> tuple[str, ...]:
    """Drop the names of union members that pydantic puts between the keys."""
    path: list[str] = []
    steps = details["loc"]
    for index, step in enumerate(steps):
        last_missing = index == len(steps) - 1 and details["type"] == "missing"
        if isinstance(values, dict) and (step in values or last_missing):
            values = values.get(step)
            path.append(str(step))
        elif isinstance(values, list) and isinstance(step, int):
            values = values[step] if step < len(values) else None
            path.append(str(step))
    if details["type"] == "union_tag_invalid":
        path.append("name")
    return tuple(path)


def _complaint(details: ErrorDetails) -> str:
    if details["type"] == "union_tag_invalid":
        return f"should be one of {', '.join(model_names())} (or of what {PLUGINS} adds)"
    if details["type"] == "bool_type":
        return "should be true or false"
    if details["type"] == "missing":
        return "is needed"
    message = str(details["msg"]).replace("Input should be ", "should be ")
    for theirs, ours in _PLAINER.items():
        message = message.replace(theirs, ours)
    return message


def _given(values: Any, path: tuple[str, ...]) -> str:
    for step in path:
        if isinstance(values, dict) and step in values:
            values = values[step]
        elif isinstance(values, list):
            values = values[int(step)]
        else:
            return ""
    text = json.dumps(values, ensure_ascii=False)
    return f", not {text if len(text) <= 60 else text[:57] + '...'}"


def _combination(message: str, root: Entry, section: tuple[str, ...]) -> str:
    """Put the place of the first key that an impossible combination names, and is set, in front of it."""
    where = ".".join(section)
    words = re.findall(r"[a-z][\w.]*", message)
    named = [path for word in words for path in (word, f"{where}.{word}") if path in config_keys()]
    if where and not any(path in message for path in named):
        message = f"{where}: {message}"
    places = [place for path in named if (place := _set_at(root, path.split(".")))]
    return f"{places[0] if places else _place(root, section)}: {message}"


def _set_at(root: Entry, path: Sequence[str]) -> str | None:
    for step in path:
        if not isinstance(root.value, dict) or step not in root.value:
            return None
        root = root.value[step]
    return root.place


def _place(root: Entry, path: Sequence[str]) -> str:
    """Return the place of the deepest part of a path that was given."""
    for step in path:
        if isinstance(root.value, dict) and step in root.value:
            root = root.value[step]
        elif isinstance(root.value, list) and step.isdigit() and int(step) < len(root.value):
            root = root.value[int(step)]
        else:
            break
    return root.place
