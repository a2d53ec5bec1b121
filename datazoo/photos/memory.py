"""The photos behind pictures, found once: by one rank for all, and remembered until a picture changes."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import PIL

from common.files import atomic_path
from common.names import printable
from datazoo.packed import PictureFile
from datazoo.photos.groups import groups_of
from datazoo.photos.look import Look, looks_of
from datazoo.photos.near_copies import SMALLEST
from datazoo.pictures import PictureSet
from datazoo.pipeline.picture_bytes import FileKey
from datazoo.pipeline.ranks import ALONE, Ranks

_log = logging.getLogger(__name__)

_RULES = 1  # raise it when other pictures become one photo


class PhotoMemory:
    """Finds the photos behind pictures as `photo_groups` does, with what a start before has found.

    Args:
        folder: that they are remembered in; None remembers nothing.
        ranks: that share the work; every one holds the same pictures.
        known: looks that somebody has taken already.
    """

    def __init__(
        self, folder: Path | None, ranks: Ranks = ALONE, known: Mapping[FileKey, Look] = MappingProxyType({})
    ) -> None:
        self._folder, self._ranks, self._known = folder, ranks, known

    def groups(self, pictures: PictureSet) -> np.ndarray:
        """Number the photos behind pictures, int64 (N,), see `photo_groups`."""
        place = None if self._folder is None else self._folder / f"{_key(pictures)}.npy"
        main = self._ranks.shard.rank == 0
        known = _read(place, len(pictures)) if main and place is not None else None
        answers = self._ranks.gather(b"" if known is None else _packed(known))
        if answers[0]:
            return _unpacked(answers[0])
        looks = self._looks(pictures)
        found = groups_of(pictures.content_hashes(), looks) if main else np.empty(0, np.int64)
        if main and place is not None:
            _write(place, found)
        return _unpacked(self._ranks.gather(_packed(found))[0])

    def _looks(self, pictures: PictureSet) -> list[Look | None]:
        """Look at this rank's part of the pictures that may have near copies, and learn of the others'."""
        looks: list[Look | None] = [None] * len(pictures)
        if pictures.files is None:
            return looks
        places = _large_enough(pictures)
        rank, count = self._ranks.shard.rank, self._ranks.shard.world_size
        mine = self._taken(pictures.files, pictures.file_keys, places[rank::count])
        answers = [mine] if count == 1 else map(_unpacked_looks, self._ranks.gather(_packed_looks(mine)))
        for other, part in enumerate(answers):
            for place, look in zip(places[other::count], part, strict=True):
                looks[place] = look
        return looks

    def _taken(self, files: Sequence[PictureFile], keys: Sequence[FileKey], places: Sequence[int]) -> list[Look | None]:
        looks = [self._known.get(keys[place]) for place in places]
        missing = [at for at, look in enumerate(looks) if look is None]
        for at, look in zip(missing, looks_of([files[places[at]] for at in missing]), strict=True):
            looks[at] = look
        return looks


def _large_enough(pictures: PictureSet) -> list[int]:
    """Return the places of pictures that are not known to be too small for a near copy."""
    if pictures.sizes is None:
        return list(range(len(pictures)))
    shorter = pictures.sizes.min(axis=1)
    return np.flatnonzero((shorter == 0) | (shorter >= SMALLEST)).tolist()  # 0: not known


def _key(pictures: PictureSet) -> str:
    """Name what photos depend on: the pictures' bytes and their order, the decoder, and the rules."""
    digest = hashlib.sha256(f"{_RULES} pillow {PIL.__version__} {pictures.files is None}".encode())
    digest.update(b"".join(pictures.content_hashes()))
    return digest.hexdigest()


def _packed(numbers: np.ndarray) -> bytes:
    return b"+" + numbers.astype("<i8").tobytes()


def _unpacked(content: bytes) -> np.ndarray:
    return np.frombuffer(content[1:], "<i8").astype(np.int64)


def _packed_looks(looks: list[Look | None]) -> bytes:
    seen = [look for look in looks if look is not None]
    stream = io.BytesIO()
    np.savez(
        stream,
        known=np.array([look is not None for look in looks], np.bool_),
        frequencies=np.array([look.frequencies for look in seen], np.float32),
        thumbnails=np.array([look.thumbnail for look in seen], np.uint8),
        sizes=np.array([look.size for look in seen], np.int64),
    )
    return stream.getvalue()


def _unpacked_looks(content: bytes) -> list[Look | None]:
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        columns = zip(kept["frequencies"], kept["thumbnails"], map(tuple, kept["sizes"].tolist()), strict=True)
        seen = (Look(*column) for column in columns)
        return [next(seen) if known else None for known in kept["known"].tolist()]


def _read(place: Path, count: int) -> np.ndarray | None:
    """Return remembered photos; a file that is damaged counts as none."""
    try:
        found = np.load(place, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.shape == (count,) and found.dtype == np.int64 else None


def _write(place: Path, found: np.ndarray) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(place) as temporary, temporary.open("wb") as stream:
            np.save(stream, found)
    except OSError as error:
        _log.warning(
            "%s: %s; photos are not remembered, and the next start looks for them again (data.cache_dir)",
            printable(place.parent), error.strerror or error,
        )  # fmt: skip
