"""Splits written down as a folder of links, which any tool that reads split folders takes."""

from __future__ import annotations

import os
from pathlib import Path

from common.errors import DataError
from common.files import atomic_folder
from common.names import printable, readable
from datazoo.pictures import Splits


def check_target(target: Path) -> None:
    """Refuse a folder for the links that cannot be one.

    Raises:
        DataError: it is a file, or not empty.
    """
    if os.path.lexists(target) and not target.is_dir():
        raise DataError(f"--write_split {printable(target)} is no folder; name a new one, or a list: splits.csv")
    if target.is_dir() and any(target.iterdir()):
        raise DataError(f"--write_split {printable(target)} is not empty; name a new folder")


def write_links(splits: Splits, target: Path) -> int:
    """Write `<target>/<split>/<class>/<picture>`, a symbolic link to every picture; return how many.

    Args:
        splits: of pictures in files.
        target: a folder that is not there yet, or empty.

    Raises:
        DataError: pictures in memory or in shards, a class that cannot name a folder, or a folder that is not empty or
            cannot be written.
    """
    check_target(target)
    for name in splits.train.classes:
        if name in (".", "..") or "/" in name or "\0" in name:
            raise DataError(f"class {readable(name)} cannot name a folder; write a list: --write_split splits.csv")
    count = 0
    try:
        with atomic_folder(target) as folder:
            for part in splits:
                if part.paths is None:
                    raise DataError("these pictures are in no files of their own: there is nothing to link to")
                for path, label in zip(part.paths, part.labels.tolist(), strict=True):
                    place = folder / part.split / part.classes[label]
                    place.mkdir(parents=True, exist_ok=True)
                    _free(place / path.name).symlink_to(os.path.realpath(path))
                    count += 1
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            f"--write_split {printable(target)} cannot be written ({reason}); a list takes no links: splits.csv"
        ) from error
    return count


def _free(path: Path) -> Path:
    """The path, or one beside it with a number: pictures of a list may have one name in several folders."""
    place, number = path, 2
    while place.is_symlink():
        place, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    return place
