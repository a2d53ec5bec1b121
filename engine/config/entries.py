"""Values that know the place they came from, and how such trees are searched, changed and merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COMMAND_LINE = "command line"

Scalar = None | bool | int | float | str


@dataclass(frozen=True)
class Entry:
    """One value of a recipe.

    Args:
        value: mapping, list or scalar.
        place: `file:line`, or `command line`.
        text: how a plain scalar was written, for keys that want text (`name: 007`); None for anything quoted.
    """

    value: dict[str, Entry] | list[Entry] | Scalar
    place: str
    text: str | None = None


def find(root: Entry, path: Sequence[str]) -> Entry | None:
    """Return the entry at a path of keys and list positions; None where nothing is given."""
    for step in path:
        if isinstance(root.value, dict) and step in root.value:
            root = root.value[step]
        elif isinstance(root.value, list) and step.isdecimal() and int(step) < len(root.value):
            root = root.value[int(step)]
        else:
            return None
    return root


def put(entry: Entry, path: Sequence[str], value: Entry) -> Entry:
    """Return the entries with `value` at a path of keys; sections that are missing are made."""
    if not path:
        return value
    children = {} if entry.value is None else entry.value
    if not isinstance(children, dict):
        return entry  # a section that is not a mapping is reported when the types are checked
    child = children.get(path[0], Entry({}, value.place))
    return Entry({**children, path[0]: put(child, path[1:], value)}, entry.place)


def without(entry: Entry, path: Sequence[str]) -> Entry:
    """Return the entries but the one at a path of keys, which is there."""
    assert isinstance(entry.value, dict)
    children = dict(entry.value)
    child = children.pop(path[0])
    if len(path) > 1:
        children[path[0]] = without(child, path[1:])
    return Entry(children, entry.place)


def merge(base: Entry, over: Entry) -> Entry:
    """Lay `over` on `base`: mappings merge key by key, everything else replaces."""
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        merged = dict(base.value)
        for key, entry in over.value.items():
            merged[key] = merge(merged[key], entry) if key in merged else entry
        return Entry(merged, over.place)
    return over
