"""One look at a picture file: its bytes are read once, hashed, and decoded where that is asked for."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import PIL

from common.errors import DataError
from common.files import sha256_of
from datazoo.doctor.png_proof import proven_size
from datazoo.packed import PackedFile, PictureFile
from datazoo.pipeline import decode
from datazoo.pipeline.decode import open_picture, read_file, reason_of, to_rgb
from datazoo.pipeline.pillow_path import resized_size

_RULES = 1  # raise it when what is found fault with changes
_TASK = 64  # pictures a thread takes at a time: one by one, handing them out took as long as decoding
_BLOCK = 64 * _TASK
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"

Identity = tuple[int, int, int, int]
"""Size in bytes, times of the last change of content and of inode in nanoseconds, inode."""


FileKey = str | PackedFile
"""What a file is found by: the text of its path, or a part of a shard."""


class Finding(NamedTuple):
    """What a look at a file found.

    Args:
        sha256: of its bytes; None where they cannot be read.
        size: width and height in pixels, as stored; None where they are not known.
        fault: why it is no picture to work with; None where nothing was found.
        decoded: whether it was decoded, or tried to.
        lasting: whether the next look would find the same as long as the file does not change.
    """

    sha256: bytes | None
    size: tuple[int, int] | None = None
    fault: str | None = None
    decoded: bool = True
    lasting: bool = True

    def fault_at(self, resize: int | None) -> str | None:
        """Return the fault; a strip that resizing its shorter side to `resize` pixels makes a bomb has one too."""
        # Only a strip is worth the arithmetic of its exact size.
        if self.size and resize and resize * resize * max(self.size) > decode.MAX_PIXELS // 2 * min(self.size):
            width, height = resized_size(*self.size, resize)
            if width * height > decode.MAX_PIXELS:
                return f"{self.size[0]}x{self.size[1]} pixels is too narrow: {width}x{height} after resizing"
        return self.fault


def decoder() -> str:
    """Name what a verdict depends on beside the file."""
    return f"{_RULES} pillow {PIL.__version__} {decode.MAX_PIXELS} {decode.MAX_FILE_BYTES}"


def unopened(path: PictureFile) -> Finding:
    """Let a file's place, size and time of change stand for what is in it; a shard's are in the key of its parts."""
    key: object = path
    if isinstance(path, Path):
        identity = identity_of(str(path))
        if identity is None:
            return Finding(None, fault="no such file, or not readable", decoded=False, lasting=False)
        key = (os.path.abspath(path), identity[:2])
    return Finding(hashlib.sha256(repr(key).encode("utf-8", "surrogateescape")).digest(), decoded=False)


def identity_of(path: FileKey) -> Identity | None:
    """Return what changes when a file, or the whole shard, does; None where there is none to read."""
    try:
        status = os.stat(path.shard.path if isinstance(path, PackedFile) else path)
    except (OSError, ValueError):
        return None
    # Some network file systems number their inodes beyond what SQLite's signed integers hold.
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & (1 << 63) - 1


def folder_and_name(path: FileKey) -> tuple[str, str]:
    """Part a file's path into folder and name, and a part of a shard into shard and member."""
    if isinstance(path, PackedFile):
        return path.shard.path, path.member
    folder, _, name = path.rpartition(os.sep)
    return folder, name


def examine(path: FileKey, decoding: bool = True) -> Finding:
    """Read a file once.

    Args:
        path: of the file, or a part of a shard.
        decoding: find whether training, evaluation and prediction can decode it; otherwise only its hash is taken.
    """
    try:
        raw = read_file(path if isinstance(path, PackedFile) else Path(path))
    except DataError as error:  # also a file that is empty or too large, whose hash is known
        return _unread(path, str(error), decoding)
    sha256 = hashlib.sha256(raw).digest()
    if not decoding:
        return Finding(sha256, decoded=False)
    if proven := proven_size(raw):
        return Finding(sha256, proven)
    size = None
    try:
        image = open_picture(io.BytesIO(raw))
        size, kind = image.size, image.format
        if kind == "JPEG":  # what it refuses, it refuses at any scale, and the smallest costs the least
            image.draft(None, (1, 1))
        to_rgb(image)
        return Finding(sha256, size, png_damage(raw) if kind == "PNG" else None)
    except Exception as error:  # whatever it is, it is the reason
        return Finding(sha256, size, reason_of(error), lasting=not isinstance(error, MemoryError))


def examine_all(files: Sequence[FileKey], decoding: bool, workers: int | None) -> Iterator[list[Finding]]:
    """Look at files by threads; yield what was found in `_BLOCK` of them at a time."""

    def look(task: Sequence[FileKey]) -> list[Finding]:
        return [examine(path, decoding) for path in task]

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for start in range(0, len(files), _BLOCK):
            block = files[start : start + _BLOCK]
            tasks = [block[at : at + _TASK] for at in range(0, len(block), _TASK)]
            yield list(chain.from_iterable(pool.map(look, tasks)))


def png_damage(content: bytes) -> str | None:
    """Return damage that Pillow decodes over: a wrong checksum or a missing end."""
    open_picture(io.BytesIO(content)).verify()
    return None if _PNG_END in content else "truncated PNG (no end chunk)"


def _unread(path: FileKey, reason: str, decoding: bool) -> Finding:
    try:
        whole = isinstance(path, str) and os.path.isfile(path)
        sha256 = bytes.fromhex(sha256_of(Path(str(path)))) if whole else None
    except OSError:
        sha256 = None
    if sha256 is not None and not decoding:
        return Finding(sha256, decoded=False)
    return Finding(sha256, None, reason, decoding, lasting=sha256 is not None)
