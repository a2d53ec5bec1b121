"""Pictures that a list names without their folder or ending, as `id,breed` lists of competitions do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from datazoo.pipeline.decode import EXTENSIONS
from datazoo.sources.list_file import Entry
from datazoo.sources.split_names import is_hidden


def found_by_name(folder: Path, entries: Sequence[Entry]) -> list[Entry] | None:
    """Find pictures anywhere below a folder by the names that a list has for them.

    Args:
        folder: where the list lies.
        entries: whose paths are bare names, with or without the ending, or paths without it.

    Returns:
        The entries with the pictures' paths, or None if one is not found, or found twice.
    """
    wanted = {entry.path for entry in entries}
    found: dict[str, str] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in names:
            stem, ending = os.path.splitext(name)
            if ending.lower() not in EXTENSIONS:
                continue
            path = os.path.relpath(os.path.join(place, name), folder)
            for called in wanted & {name, stem, os.path.splitext(path)[0]}:
                if found.setdefault(called, path) != path:
                    return None
    if found.keys() != wanted:
        return None
    return [Entry(found[entry.path], entry.label, entry.split, entry.line) for entry in entries]
