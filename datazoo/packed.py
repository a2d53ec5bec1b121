"""A picture that lies inside a larger file, a shard, and is read without what lies around it."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from common.errors import DataError

_OPEN_SHARDS = 128  # kept open at a time; many systems give a process 1,024 files


class Shard(NamedTuple):
    """A file of many pictures, as it was when its index was made.

    Args:
        path: absolute.
        size: bytes.
        modified: nanoseconds since 1970.
    """

    path: str
    size: int
    modified: int

    @classmethod
    def at(cls, path: Path) -> Shard:
        """Return the shard that a file is now.

        Raises:
            OSError: there is none.
        """
        status = path.stat()
        return cls(os.path.abspath(path), status.st_size, status.st_mtime_ns)


class PackedFile(NamedTuple):
    """One picture of a shard.

    Args:
        shard: that it lies in.
        member: its name there.
        offset: of its first byte in the shard.
        size: bytes.
    """

    shard: Shard
    member: str
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.shard.path}:{self.member}"

    def read_bytes(self) -> bytes:
        """Return the picture's bytes; threads and forked processes may read from one shard at a time.

        Raises:
            OSError: the shard cannot be read.
            DataError: it is not the one that was indexed, or ends early.
        """
        shard = _opened(self.shard)  # held until it is read: another thread may throw it out of the cache
        raw = os.pread(shard.descriptor, self.size, self.offset)
        if len(raw) < self.size:
            raise DataError("the shard ends early")
        return raw


PictureFile = Path | PackedFile
"""Where the bytes of a picture are: a file of its own, or a part of a shard."""


class _OpenShard:
    """An open file that is closed when nobody reads from it any more."""

    def __init__(self, shard: Shard) -> None:
        self.descriptor = os.open(shard.path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self.descriptor)
        if (status.st_size, status.st_mtime_ns) != (shard.size, shard.modified):
            raise DataError("the shard has changed since this start")

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


@lru_cache(_OPEN_SHARDS)
def _opened(shard: Shard) -> _OpenShard:
    return _OpenShard(shard)
