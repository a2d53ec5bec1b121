"""Paths that MindSpore takes: its exporters want plain ASCII text, its loader of MINDIR wants UTF-8."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from common.names import opens_as_utf8

_PLAIN = re.compile(r"[0-9A-Za-z@_\-.:/]+")  # what mindspore.export lets pass, but for the backslash
_PLACES = ("/tmp", "/var/tmp", "/dev/shm")


@contextlib.contextmanager
def plain_folder() -> Iterator[Path]:
    """Yield a temporary folder whose whole path MindSpore's exporters take.

    Raises:
        OSError: no folder for temporary files is both plain and writable.
    """
    places = (os.path.realpath(place) for place in (tempfile.gettempdir(), *_PLACES))
    usable = [place for place in places if _PLAIN.fullmatch(place) and os.access(place, os.W_OK | os.X_OK)]
    if not usable:
        raise FileNotFoundError(2, "no folder for temporary files with a plain ASCII path; set TMPDIR", "/tmp")
    with tempfile.TemporaryDirectory(prefix="mindspore-", dir=usable[0]) as folder:
        yield Path(folder)


@contextlib.contextmanager
def plain_target(target: Path) -> Iterator[Path]:
    """Yield a path for MindSpore to write that ends like `target`; once the block succeeds, the file is `target`.

    What MindSpore writes beside it (the weights of a network above 1 GB) moves along.
    """
    with plain_folder() as folder:
        path = folder / f"model{target.suffix}"
        yield path
        shutil.move(path, target)
        for other in folder.iterdir():
            shutil.move(other, target.parent / other.name)


@contextlib.contextmanager
def plain_source(path: Path) -> Iterator[Path]:
    """Yield a path under which MindSpore can load a file: its own, or a copy's where its own is not UTF-8."""
    if opens_as_utf8(path):
        yield path
        return
    with plain_folder() as folder:
        yield Path(shutil.copy(path, folder / f"model{path.suffix}"))
