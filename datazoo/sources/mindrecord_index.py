"""MindRecord shards, found by the SQLite index that MindSpore writes beside each (`<shard>.db`).

A shard is a header, whose length it says, and pages of one size; a picture is a blob in a page, behind its length.
The format is MindSpore's (`mindspore/ccsrc/minddata/mindrecord`), as 2.10 writes it, version 3.0.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import struct
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from common.errors import DataError
from common.names import printable

LABEL, NAME = "label", "name"
_LENGTH = struct.Struct("<Q")  # before the header's JSON, and before every blob
_LONGEST_HEADER = 1 << 26  # bytes
_AGAIN = "write it again: python -m datazoo.to_mindrecord --help"


def index_mindrecord(path: Path) -> list[tuple[str, int, int, int]]:
    """Find the pictures of a MindRecord file.

    Args:
        path: of the shard; its index, `<path>.db`, lies beside it.

    Returns:
        Name, offset, size and class number of each, in the order of rows. Rows without a name are called by number.

    Raises:
        DataError: no MindRecord, cut off, without its index, of several blobs a row, or without class numbers.
    """
    try:
        with path.open("rb") as stream:
            header = _header(path, stream)
            return [_checked(path, stream, row) for row in _rows(path, header)]
    except OSError as error:
        raise DataError(f"shard {printable(path)} cannot be read ({error.strerror or error})") from error


def _header(path: Path, stream: BinaryIO) -> dict[str, Any]:
    try:
        (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
        header = json.loads(stream.read(min(length, _LONGEST_HEADER)))
        blobs = header["schema"][0]["blob_fields"]
        fields = {field["index_field"]: field["schema_id"] for field in header["index_fields"]}
        known = {"header_size": int(header["header_size"]), "page_size": int(header["page_size"]), "fields": fields}
    except (struct.error, ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"shard {printable(path)} is no MindRecord file; {_AGAIN}") from error
    if len(blobs) != 1 or header.get("compression_size"):
        raise DataError(f"shard {printable(path)}: a row has to hold one picture, uncompressed, not {blobs}; {_AGAIN}")
    if LABEL not in fields:
        raise DataError(f"shard {printable(path)} has no indexed field {LABEL!r}, the class number; {_AGAIN}")
    return known


def _rows(path: Path, header: dict[str, Any]) -> list[tuple[str, int, int, int]]:
    """Name, offset and size with its length, and class number, as the index has them."""
    database = path.with_name(f"{path.name}.db")
    if not database.is_file():
        raise DataError(f"shard {printable(path)}: its index {printable(database.name)} is not beside it")
    fields = header["fields"]
    name = f'"{NAME}_{int(fields[NAME])}"' if NAME in fields else "'row ' || ROW_ID"
    query = (
        f"SELECT {name}, PAGE_ID_BLOB, PAGE_OFFSET_BLOB, PAGE_OFFSET_BLOB_END, "
        f'"{LABEL}_{int(fields[LABEL])}" FROM INDEXES ORDER BY ROW_ID'
    )
    try:
        address = f"file:{quote(os.fsencode(os.path.abspath(database)))}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            found = connection.execute(query).fetchall()
    except sqlite3.Error as error:
        raise DataError(f"shard {printable(path)}: its index cannot be read ({error}); {_AGAIN}") from error
    start, page = header["header_size"], header["page_size"]
    return [(str(row[0]), start + row[1] * page + row[2], row[3] - row[2], row[4]) for row in found]


def _checked(path: Path, stream: BinaryIO, row: tuple[str, int, int, int]) -> tuple[str, int, int, int]:
    """Take the length off a blob, which has to say what the index says."""
    name, offset, size, label = row
    body = size - _LENGTH.size
    if os.fstat(stream.fileno()).st_size < offset + size:
        raise DataError(f"shard {printable(path)} is cut off before the end of {printable(name)}; copy it again")
    if os.pread(stream.fileno(), _LENGTH.size, offset) != _LENGTH.pack(body):
        raise DataError(f"shard {printable(path)}: its index is another file's at {printable(name)}; {_AGAIN}")
    if not isinstance(label, int) or label < 0:
        raise DataError(f"shard {printable(path)}: {printable(name)} has class {label!r}, no whole number from 0")
    return name, offset + _LENGTH.size, body, label
