"""Decoded pictures kept between epochs and runs: uint8 pixels in one memory-mapped file, filled as they are first read.

The file is found by a key over the pictures' bytes and over what was made of them, so that what comes out of it is what
decoding again would give. Ranks of one host share it. A place is used once its bytes agree with their checksum, which
is written after them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import os
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import PIL

from common.names import printable
from datazoo.pictures import PictureSet

_log = logging.getLogger(__name__)

CacheMode = Literal["auto", "on", "off"]

_FORMAT = 1  # raise it when the layout or the decoding changes
_HEADER = 4096
_ENTRY = np.dtype([("height", "<i4"), ("width", "<i4"), ("checksum", "<u4"), ("filled", "<u4")])
_MOST_OF_THE_DISK = 0.9  # of the space that is free


@dataclass(frozen=True)
class DecodedCacheChoice:
    """Whether and where decoded pictures are kept.

    Args:
        mode: on keeps as many as fit; auto keeps them where all fit; off keeps none.
        folder: of the files.
        limit: bytes that all files in the folder may take.
    """

    mode: CacheMode = "off"
    folder: Path = Path("cache/decoded")
    limit: int = 0


NOT_KEPT = DecodedCacheChoice()


class DecodedCache:
    """Decoded pictures of a set, by their place in it; safe to be used by several threads and processes.

    Args:
        path: of the file, which is made where it is not there.
        key: what its content belongs to; a file of another key or length is made anew.
        lengths: int64 (N,), bytes of every picture.
        kept: how many pictures, from the first, may fill their place in it.

    Raises:
        OSError: the file can be neither read nor made.
    """

    def __init__(self, path: Path, key: str, lengths: np.ndarray, kept: int) -> None:
        self._lengths, self._kept = lengths, kept
        count = len(lengths)
        start = _HEADER + -(-count * _ENTRY.itemsize // _HEADER) * _HEADER
        self._offsets = start + np.concatenate([[0], np.cumsum(lengths)])
        self._path, self._file, self._writes = path, *_opened(path, key, int(self._offsets[-1]))
        self._map = mmap.mmap(self._file, int(self._offsets[-1]), prot=mmap.PROT_READ)
        self._entries = np.frombuffer(self._map, _ENTRY, count, _HEADER)
        self._trusted = np.zeros(count, bool)
        self._damaged = False

    @property
    def filled(self) -> int:
        """Number of pictures that are there."""
        return int(np.count_nonzero(self._entries["filled"]))

    def get(self, index: int, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return a picture, made now where it is not kept.

        Args:
            index: its place in the set.
            make: decodes it; uint8 (H, W, 3).
        """
        kept = self._read(index)
        if kept is not None:
            return kept
        picture = np.ascontiguousarray(make())
        if self._writes and index < self._kept and picture.nbytes == self._lengths[index]:
            self._write(index, picture)
        return picture

    def _read(self, index: int) -> np.ndarray | None:
        height, width, checksum, filled = self._entries[index].item()
        if not filled:
            return None
        start, length = int(self._offsets[index]), int(self._lengths[index])
        pixels = np.frombuffer(self._map, np.uint8, length, start)
        if not self._trusted[index]:  # once in a process: a crash of the machine may have kept the entry alone
            if 3 * height * width != length or zlib.crc32(pixels.data) != checksum:
                self._say_damaged()
                return None
            self._trusted[index] = True
        return pixels.reshape(height, width, 3)

    def _write(self, index: int, picture: np.ndarray) -> None:
        entry = np.array([(*picture.shape[:2], zlib.crc32(picture.data), 1)], _ENTRY)
        try:
            os.pwrite(self._file, picture.data, int(self._offsets[index]))
            os.pwrite(self._file, entry.tobytes(), _HEADER + index * _ENTRY.itemsize)
        except OSError as error:  # a full disk, which a write through the map would not survive
            self._writes = False
            _log.warning("%s: %s; no more decoded pictures are kept", printable(self._path), error.strerror)
            return
        self._trusted[index] = True

    def _say_damaged(self) -> None:
        if not self._damaged:
            self._damaged = True
            _log.warning("%s: damaged; the pictures concerned are decoded again", printable(self._path))


def _opened(path: Path, key: str, size: int) -> tuple[int, bool]:
    """Return a descriptor of the file, made where it is not there or another's, and whether it may be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        file = os.open(path, os.O_RDONLY)
        if _is_of(file, key, size):
            return file, False
        os.close(file)
        raise
    if not _is_of(file, key, size):
        if os.fstat(file).st_size:
            _log.warning("%s: damaged; made anew", printable(path))
            os.close(file)
            path.unlink(missing_ok=True)  # whoever maps the old one keeps it
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(file, size)  # ranks that do this at the same time do the same
        os.pwrite(file, key.encode(), 0)
    return file, True


def _is_of(file: int, key: str, size: int) -> bool:
    return os.fstat(file).st_size == size and os.pread(file, len(key), 0) == key.encode()


def open_decoded(
    pictures: PictureSet, stage: object, lengths: np.ndarray | None, choice: DecodedCacheChoice
) -> DecodedCache | None:
    """Open the decoded pictures of a set, and say in one line what is kept.

    Args:
        pictures: the set.
        stage: what is made of every picture beside decoding, fit for JSON.
        lengths: int64 (N,), bytes that they then take; None where that is not known.
        choice: whether and where they are kept.

    Returns:
        None where none are kept, or they are in memory anyway.
    """
    if choice.mode == "off" or pictures.files is None:
        return None
    name = f"decoded {pictures.split} pictures"
    if lengths is None or not lengths.all():
        _log.info("%s are not kept: data.check off leaves their sizes unknown", name)
        return None
    key = _key(pictures, stage)
    path = choice.folder / f"{pictures.split}_{key[:16]}.bin"
    room = _room(path, choice)
    ends = np.cumsum(lengths)
    kept = int(np.searchsorted(ends, room, side="right"))
    total = f"{ends[-1] / 1e9:.2f} GB"
    if kept < len(pictures) and (choice.mode == "auto" or kept == 0):
        _log.info(
            "%s are not kept: %s, and there is room for %.2f GB (data.decoded_cache_gb, what is free, what is in %s)",
            name, total, room / 1e9, printable(choice.folder),
        )  # fmt: skip
        return None
    try:
        cache = DecodedCache(path, key, lengths, kept)
    except OSError as error:
        _log.warning("%s are not kept: %s: %s", name, printable(path), error.strerror)
        return None
    _log.info(
        "%s: %d of %d are kept in %s (%s), %d are there",
        name,
        kept,
        len(pictures),
        printable(path),
        total,
        cache.filled,
    )
    return cache


def _key(pictures: PictureSet, stage: object) -> str:
    depends = {"format": _FORMAT, "stage": stage, "pillow": PIL.__version__}
    digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode())
    for content in pictures.content_hashes():
        digest.update(content)
    return digest.hexdigest()


def _room(path: Path, choice: DecodedCacheChoice) -> float:
    """Return the bytes that a file may take, beside the others in its folder."""
    try:
        used = {entry.name: entry.stat().st_blocks * 512 for entry in os.scandir(choice.folder)}
    except OSError:
        used = {}
    own = used.pop(path.name, 0)
    place = next((parent for parent in path.parents if parent.is_dir()), Path())
    return min(choice.limit - sum(used.values()), _MOST_OF_THE_DISK * shutil.disk_usage(place).free + own)
