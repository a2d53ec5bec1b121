"""One look at a picture file: its bytes are read once, hashed, and decoded where that is asked for."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import PIL

from common import decode
from common.decode import open_picture, reason_of, to_rgb
from common.errors import DataError
from common.files import sha256_of
from datazoo.doctor.png_proof import proven_size, stated_size
from datazoo.photos.look import Look, look_at_opened
from datazoo.photos.near_copies import SMALLEST
from datazoo.pipeline import picture_bytes
from datazoo.pipeline.picture_bytes import FileKey, Identity, identity_of, read_identified
from datazoo.pipeline.pillow_path import resized_size

_RULES = 1  # raise it when what is found fault with changes
NEIGHBOURS = 64  # pictures a thread takes at a time: one by one, handing them out took as long as decoding
_BLOCK = 64 * NEIGHBOURS
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"


class Finding(NamedTuple):
    """What a look at a file found.

    Args:
        sha256: of its bytes; None where they cannot be read.
        size: width and height in pixels, as stored; None where they are not known.
        fault: why it is no picture to work with; None where nothing was found.
        decoded: whether it was decoded, or tried to.
        lasting: whether the next look would find the same as long as the file does not change.
        identity: of the file; None where it changed while it was read, or could not be.
        look: what it looks like, where that was asked for and it is large enough to have near copies.
    """

    sha256: bytes | None
    size: tuple[int, int] | None = None
    fault: str | None = None
    decoded: bool = True
    lasting: bool = True
    identity: Identity | None = None
    look: Look | None = None


def strip_fault(width: int, height: int, resize: int) -> str | None:
    """Return what is wrong with a strip that resizing its shorter side to `resize` pixels makes a bomb."""
    wide, high = resized_size(width, height, resize)
    if wide * high <= decode.MAX_PIXELS:
        return None
    return f"{width}x{height} pixels is too narrow: {wide}x{high} after resizing"


def decoder() -> str:
    """Name what a verdict depends on beside the file."""
    return f"{_RULES} pillow {PIL.__version__} {decode.MAX_PIXELS} {picture_bytes.MAX_FILE_BYTES}"


def unopened(file: FileKey) -> Finding:
    """Let a file's place, size and time of change stand for what is in it; a shard's are in the key of its parts."""
    key: object = file
    if isinstance(file, str):
        identity = identity_of(file)
        if identity is None:
            return Finding(None, fault="no such file, or not readable", decoded=False, lasting=False)
        key = (os.path.abspath(file), identity[:2])
    return Finding(hashlib.sha256(repr(key).encode("utf-8", "surrogateescape")).digest(), decoded=False)


def examine(file: FileKey, decoding: bool = True, looking: bool = False) -> Finding:
    """Read a file once.

    Args:
        file: path, or a part of a shard.
        decoding: find whether training, evaluation and prediction can decode it; otherwise only its hash is taken.
        looking: take its look on the way, which needs its pixels.
    """
    try:
        raw, identity = read_identified(file)
    except DataError as error:  # also a file that is empty or too large, whose hash is known
        return _unread(file, str(error), decoding)
    sha256 = hashlib.sha256(raw).digest()
    if not decoding:
        return Finding(sha256, decoded=False, identity=identity)
    seen_whole = looking and min(stated_size(raw) or (0, 0)) >= SMALLEST
    if not seen_whole and (proven := proven_size(raw)):
        return Finding(sha256, proven, identity=identity)
    size = look = None
    try:
        image = open_picture(io.BytesIO(raw))
        size, kind = image.size, image.format
        if looking and min(size) >= SMALLEST:
            look = look_at_opened(image)
        else:
            if kind == "JPEG":  # what it refuses, it refuses at any scale, and the smallest costs the least
                image.draft(None, (1, 1))
            to_rgb(image)
        return Finding(sha256, size, png_damage(raw) if kind == "PNG" else None, identity=identity, look=look)
    except Exception as error:  # whatever it is, it is the reason
        lasting = not isinstance(error, MemoryError)
        return Finding(sha256, size, reason_of(error), lasting=lasting, identity=identity)


def examine_all(
    files: Sequence[FileKey], decoding: bool, workers: int | None, looking: bool = False
) -> Iterator[list[Finding]]:
    """Look at files by threads; yield what was found in `_BLOCK` of them at a time."""

    def look(task: Sequence[FileKey]) -> list[Finding]:
        return [examine(file, decoding, looking) for file in task]

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for start in range(0, len(files), _BLOCK):
            block = files[start : start + _BLOCK]
            tasks = [block[at : at + NEIGHBOURS] for at in range(0, len(block), NEIGHBOURS)]
            yield list(chain.from_iterable(pool.map(look, tasks)))


def png_damage(content: bytes) -> str | None:
    """Return damage that Pillow decodes over: a wrong checksum or a missing end."""
    open_picture(io.BytesIO(content)).verify()
    return None if _PNG_END in content else "truncated PNG (no end chunk)"


def _unread(file: FileKey, reason: str, decoding: bool) -> Finding:
    before, sha256 = identity_of(file), None
    if isinstance(file, str) and os.path.isfile(file):
        with contextlib.suppress(OSError):
            sha256 = bytes.fromhex(sha256_of(Path(file)))
    identity = before if identity_of(file) == before else None
    if sha256 is not None and not decoding:
        return Finding(sha256, decoded=False, identity=identity)
    return Finding(sha256, None, reason, decoding, lasting=sha256 is not None, identity=identity)
