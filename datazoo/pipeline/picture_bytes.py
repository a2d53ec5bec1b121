"""The bytes of a picture, read once, and what tells whether its file is still the one that was read."""

from __future__ import annotations

import os
import stat

from common.errors import DataError
from datazoo.packed import PackedFile

MAX_FILE_BYTES = 256 * 1024 * 1024

FileKey = str | PackedFile
"""What a file is found by: the text of its path, or a part of a shard."""

Identity = tuple[int, int, int, int]
"""Size in bytes, times of the last change of content and of inode in nanoseconds, inode."""


def identity_of(file: FileKey) -> Identity | None:
    """Return what changes when a file, or the whole shard, does; None where there is none to read."""
    try:
        return _identity(os.stat(file.shard.path if isinstance(file, PackedFile) else file))
    except (OSError, ValueError):
        return None


def read_identified(file: FileKey) -> tuple[bytes, Identity | None]:
    """Read a file once.

    Args:
        file: path, or a part of a shard.

    Returns:
        Its bytes, and its identity; None where that changed while it was read.

    Raises:
        DataError: why it cannot be a picture, without its name: missing, empty, no regular file, above
            `MAX_FILE_BYTES`.
    """
    try:
        if isinstance(file, PackedFile):
            before = identity_of(file)
            return read_packed(file), before if identity_of(file) == before else None
        # A pipe without a writer would never open otherwise.
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return _read(descriptor)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        dangling = isinstance(error, FileNotFoundError) and isinstance(file, str) and os.path.islink(file)
        raise DataError("dangling link" if dangling else str(getattr(error, "strerror", None) or error)) from error


def read_packed(file: PackedFile) -> bytes:
    """Read a part of a shard, which is compared with its index when it is opened.

    Raises:
        DataError: why it cannot be a picture, see `read_identified`; or the shard is another one.
    """
    _check_size(file.size)
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(str(error.strerror or error)) from error


def _read(descriptor: int) -> tuple[bytes, Identity | None]:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise DataError("not a regular file")
    _check_size(status.st_size)
    raw = os.read(descriptor, status.st_size)
    while len(raw) < status.st_size and (more := os.read(descriptor, status.st_size - len(raw))):
        raw += more
    before = _identity(status)
    return raw, before if _identity(os.fstat(descriptor)) == before else None


def _check_size(size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise DataError(f"{size:,} bytes is above the limit of {MAX_FILE_BYTES:,}")
    if size == 0:
        raise DataError("empty file")


def _identity(status: os.stat_result) -> Identity:
    # Some network file systems number their inodes beyond what SQLite's signed integers hold.
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & (1 << 63) - 1
