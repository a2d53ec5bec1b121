"""Tar shards in the layout of WebDataset: `<key>.jpg` with `<key>.cls` beside it, which holds a class number."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from common.errors import DataError
from common.names import printable
from datazoo.pipeline.decode import EXTENSIONS

MOST_CLASSES = 1_000_000
_LABEL = ".cls"
_LONGEST_LABEL = 32  # bytes
_ZEROS = bytes(512)  # a block of these ends every tar file
_AGAIN = "copy or pack it again"


class _Member(NamedTuple):
    name: str
    offset: int
    size: int


def index_tar(path: Path) -> list[tuple[str, int, int, int]]:
    """Find the pictures of a tar file.

    Files of other kinds beside them are passed over, as WebDataset does.

    Args:
        path: of a tar file that is not compressed.

    Returns:
        Name, offset, size and class number of each, in the order of the file.

    Raises:
        DataError: no tar file, cut off, a picture without a class or the other way round, two of one key, or a class
            that is no number.
    """
    try:
        with path.open("rb") as stream:
            pictures, labels = _members(path, stream)
            _check_pairs(path, pictures, labels)
            return [(*picture, _class_in(path, stream, labels[key])) for key, picture in pictures.items()]
    except OSError as error:
        raise DataError(f"shard {printable(path)} cannot be read ({error.strerror or error})") from error


def _members(path: Path, stream: BinaryIO) -> tuple[dict[str, _Member], dict[str, _Member]]:
    """Pictures and classes by key, which is the name up to the first dot behind its folder."""
    pictures: dict[str, _Member] = {}
    labels: dict[str, _Member] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                folder, slash, name = member.name.rpartition("/")
                key, dot, ending = name.partition(".")
                kind = labels if dot + ending == _LABEL else pictures
                if not member.isreg() or not key or (kind is pictures and f".{ending}".lower() not in EXTENSIONS):
                    continue
                if member.issparse():
                    raise DataError(f"shard {printable(path)}: {printable(member.name)} is stored sparse; {_AGAIN}")
                before = kind.setdefault(folder + slash + key, _Member(member.name, member.offset_data, member.size))
                if before.offset != member.offset_data:
                    raise DataError(
                        f"shard {printable(path)}: {printable(before.name)} and {printable(member.name)} have one key; "
                        "keep one of them"
                    )
            end = archive.offset
    except tarfile.TarError as error:
        what = "is cut off" if path.stat().st_size and "unexpected end" in str(error) else f"is no tar file ({error})"
        raise DataError(f"shard {printable(path)} {what}; shards are not compressed: {_AGAIN}") from error
    if os.pread(stream.fileno(), len(_ZEROS), end) != _ZEROS:  # tarfile takes garbage and a clean cut for the end
        raise DataError(f"shard {printable(path)} is cut off: no end behind byte {end:,}; {_AGAIN}")
    return pictures, labels


def _check_pairs(path: Path, pictures: Mapping[str, _Member], labels: Mapping[str, _Member]) -> None:
    for these, others, missing in ((pictures, labels, f"no {_LABEL}"), (labels, pictures, "no picture")):
        alone = [member.name for key, member in these.items() if key not in others]
        if alone:
            more = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
            raise DataError(f"shard {printable(path)}: {missing} beside {printable(alone[0])}{more}; pack it again")


def _class_in(path: Path, stream: BinaryIO, label: _Member) -> int:
    text = os.pread(stream.fileno(), min(label.size, _LONGEST_LABEL), label.offset).strip()
    if not text.isdigit() or label.size > _LONGEST_LABEL or int(text) >= MOST_CLASSES:
        shown = printable(text.decode("utf-8", "surrogateescape"))
        raise DataError(
            f"shard {printable(path)}: {printable(label.name)} holds {shown!r}; a class is a whole number from 0"
        )
    return int(text)
