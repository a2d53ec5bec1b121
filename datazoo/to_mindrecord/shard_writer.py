"""One MindRecord shard: written beside its place, read back picture by picture, and only then given its name."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.errors import DataError
from common.names import encoding_problem, printable
from datazoo.packed import PackedFile, PictureFile, Shard
from datazoo.pictures import PictureSet
from datazoo.pipeline.decode import read_file
from datazoo.sources.mindrecord_index import LABEL, NAME, index_mindrecord

_SCHEMA = {NAME: {"type": "string"}, LABEL: {"type": "int32"}, "image": {"type": "bytes"}}
_PAGE, _LARGEST_PAGE = 32 << 20, 256 << 20  # bytes, as MindSpore has them; a picture has to fit into one
_ROW = 1 << 16  # bytes that a row may take beside its picture
_AT_A_TIME = 32 << 20  # bytes handed to the writer together

Known = tuple[str, int, bytes]
"""Name, class number and SHA-256 of a picture."""


def write_shard(pictures: PictureSet, target: Path) -> None:
    """Write a shard and its index.

    Args:
        pictures: in files or shards, in the order that the shard gets.
        target: of the shard; its index is `<target>.db`.

    Raises:
        DataError: a picture cannot be read, a name is not UTF-8, or what is read back is not what was written.
    """
    with tempfile.TemporaryDirectory(prefix=f".tmp-{os.getpid()}-", dir=target.parent) as folder:
        made = Path(folder) / target.name  # a shard knows its name: it is written under the final one
        _check(made, _write(pictures, made))
        for file in (made.with_name(f"{made.name}.db"), made):  # the shard last: where it is, its index is too
            file.chmod(0o644)
            _sync(file)
            os.replace(file, target.with_name(file.name))
    _sync(target.parent)


def _write(pictures: PictureSet, target: Path) -> list[Known]:
    from mindspore.mindrecord import FileWriter  # here: nothing else in this room needs MindSpore

    known: list[Known] = []
    try:
        writer = FileWriter(str(target), shard_num=1)
        writer.set_page_size(_page_for(pictures))
        writer.add_schema(_SCHEMA, "pictures")
        writer.add_index([LABEL, NAME])
        for rows in _batches(pictures):
            known += [(row[NAME], row[LABEL], hashlib.sha256(row["image"]).digest()) for row in rows]
            writer.write_raw_data(rows)
        writer.commit()
    except (RuntimeError, TypeError) as error:  # all that MindSpore raises, a full disk too
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise DataError(f"shard {printable(target.name)} cannot be written ({printable(reason)})") from error
    return known


def _page_for(pictures: PictureSet) -> int:
    """The smallest multiple of MindSpore's page that the largest picture fits into."""
    sizes = (file.size if isinstance(file, PackedFile) else os.stat(file).st_size for file in pictures.files or ())
    return min(_PAGE * (1 + (max(sizes) + _ROW) // _PAGE), _LARGEST_PAGE)


def _batches(pictures: PictureSet) -> Iterator[list[dict]]:
    rows: list[dict] = []
    size = 0
    for file, label in zip(pictures.files or (), pictures.labels.tolist(), strict=True):
        rows.append({NAME: name_of(file), LABEL: label, "image": _read(file)})
        size += len(rows[-1]["image"])
        if size > _AT_A_TIME:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def name_of(file: PictureFile) -> str:
    """Name a picture as its shard does: class folder and file, or the name it has in another shard.

    Raises:
        DataError: it is not UTF-8.
    """
    name = file.member if isinstance(file, PackedFile) else f"{file.parent.name}/{file.name}"
    if problem := encoding_problem(name):
        raise DataError(f"{printable(file)}: the file's name {problem}")
    return name


def _read(file: PictureFile) -> bytes:
    try:
        return read_file(file)
    except DataError as error:
        raise DataError(f"{printable(file)} cannot be read ({error}); repair it or take it out") from error


def _check(made: Path, known: Sequence[Known]) -> None:
    """Read a shard back as training does."""
    shard = Shard.at(made)
    rows = index_mindrecord(made)
    found = [(name, label, PackedFile(shard, name, offset, size)) for name, offset, size, label in rows]
    if len(found) != len(known):
        raise DataError(f"shard {printable(made.name)} holds {len(found)} of {len(known)} pictures; start again")
    for (name, label, file), expected in zip(found, known, strict=True):
        if (name, label, hashlib.sha256(file.read_bytes()).digest()) != expected:
            raise DataError(f"shard {printable(made.name)}: {printable(name)} is not read back as written; start again")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
