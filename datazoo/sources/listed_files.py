"""Where the pictures lie that a list names."""

from __future__ import annotations

import contextlib
import os
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from datazoo.sources.list_file import Entry

_MANY = 64  # files of one folder, from which on the folder is listed


def files_of(entries: Sequence[Entry], path: Path) -> Iterator[tuple[str, bool]]:
    """Yield where each entry's picture lies, and whether a file is there.

    The list may have Windows paths, or spell letters in another form than the files' names.

    Args:
        entries: of a list.
        path: the list.
    """
    spellings = [_spellings(entry.path) for entry in entries]
    there = _those_there({_placed(name, path) for names in spellings for name in names})
    for entry, names in zip(entries, spellings, strict=True):
        files = (_placed(name, path) for name in names)
        file = next(filter(there.__contains__, files), None)
        yield file or _placed(_slashed(entry.path), path), file is not None


def _spellings(name: str) -> tuple[str, ...]:
    """How a file's name may be meant, the surest first."""
    slashed = _slashed(name)
    if slashed.isascii():
        return (name,) if slashed == name else (name, slashed)
    # macOS writes an é as two characters (NFD), other systems as one (NFC).
    forms = (unicodedata.normalize(form, slashed) for form in ("NFC", "NFD"))
    return tuple(dict.fromkeys((name, slashed, *forms)))


def _slashed(name: str) -> str:
    return name.replace("\\", "/")


def _placed(name: str, path: Path) -> str:
    return os.path.normpath(os.path.join(path.parent, name))


def _those_there(files: Collection[str]) -> set[str]:
    """Return the files that there are: of a folder that holds many of them by its list, of others one by one."""
    by_folder: dict[str, list[str]] = {}
    for file in files:
        by_folder.setdefault(os.path.dirname(file), []).append(file)
    there: set[str] = set()
    for folder, some in by_folder.items():
        if len(some) < _MANY:
            there.update(filter(os.path.isfile, some))
        else:
            with contextlib.suppress(OSError), os.scandir(folder or ".") as listing:
                names = {entry.name for entry in listing if entry.is_file()}
                there.update(file for file in some if os.path.basename(file) in names)
    return there
