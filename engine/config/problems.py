"""What is wrong with a recipe, in the words of the recipe: its keys, its lines and what may have been meant."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engine.config.entries import Entry, Scalar, find
from engine.config.keys import config_keys, fields_of_listed_section, model_names, nearest_keys
from netzoo.registry import PLUGINS

Json = dict[str, "Json"] | list["Json"] | Scalar

# pydantic's words, in the words of a recipe
_PLAINER = {
    r"String should match pattern '^[\w.\-]+$'": "should be letters, digits, dots, - and _ alone",
    r"String should match pattern '^[ -~]*$'": "should be ASCII text on one line",
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


def problems_of(error: ValidationError, root: Entry, values: Json) -> Iterator[str]:
    """Say everything that the schema refuses, one line each.

    Args:
        error: what pydantic raised.
        root: the recipe with its places.
        values: what pydantic was given.
    """
    by_key: dict[tuple[str, ...], list[str]] = {}
    for details in error.errors(include_url=False):
        path = _clean_path(details, values)
        if details["type"] == "extra_forbidden":
            yield unknown_key(".".join(path), _place(root, path))
        elif details["type"] == "value_error":
            yield from (_combination(line, root, path) for line in str(details["ctx"]["error"]).split("\n"))
        else:
            by_key.setdefault(path, []).append(_complaint(details))
    for path, complaints in by_key.items():
        shown = " or ".join(dict.fromkeys(complaints))
        yield f"{_place(root, path)}: {'.'.join(path)}: {shown}{_given(values, path)}"


def unknown_key(key: str, place: str) -> str:
    """Say that a key which was given at `place` does not exist, or not for this network."""
    models = config_keys()[key].models if key in config_keys() else ()
    if models:
        return f"{place}: {key}: is not a key of this model.name, only of {', '.join(models)}"
    siblings = fields_of_listed_section(key)
    if siblings:
        return f"{place}: {key}: unknown key; {key.rpartition('.')[0]} takes {', '.join(siblings)}"
    return f"{place}: {unknown_key_message(key)}"


def unknown_key_message(key: str, extra: Sequence[str] = ()) -> str:
    """Say that a key does not exist and which one may have been meant.

    Args:
        key: dotted path as the user wrote it.
        extra: further valid names, such as a door's own flags.
    """
    if key.endswith("<<"):
        return f"{key}: values are not merged; name the keys, or share a whole recipe by extends: FILE"
    near = nearest_keys(key, extra)
    hint = f"did you mean {' or '.join(near)}?" if near else "--help lists every key"
    return f"{key}: unknown key; {hint}"


def in_order(problems: Iterable[str]) -> list[str]:
    """Sort problems by file and line, each once; those of the command line come last."""
    return sorted(dict.fromkeys(problems), key=_file_and_line)


def _clean_path(details: ErrorDetails, values: Json) -> tuple[str, ...]:
    """Drop the names of union members that pydantic puts between the keys."""
    path: list[str] = []
    steps = details["loc"]
    for index, step in enumerate(steps):
        last_missing = index == len(steps) - 1 and details["type"] == "missing"
        if isinstance(values, dict) and (step in values or last_missing):
            values = values.get(str(step))
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


def _given(values: Json, path: tuple[str, ...]) -> str:
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
    places = [entry.place for path in named if (entry := find(root, path.split(".")))]
    return f"{places[0] if places else _place(root, section)}: {message}"


def _file_and_line(problem: str) -> tuple[bool, str, int]:
    place = re.match(r"(.*?):(\d+): ", problem)
    return (False, place[1], int(place[2])) if place else (True, "", 0)


def _place(root: Entry, path: Sequence[str]) -> str:
    """Return the place of the deepest part of a path that was given."""
    found = (find(root, path[:length]) for length in range(len(path), 0, -1))
    return next((entry.place for entry in found if entry), root.place)
