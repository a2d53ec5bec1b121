"""Where the pictures of a shard are and what they show: looked up once, and remembered until the shard changes."""

from __future__ import annotations

import hashlib
import logging
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common.errors import DataError
from common.files import atomic_path
from common.names import printable
from datazoo.packed import Shard
from datazoo.sources.mindrecord_index import index_mindrecord
from datazoo.sources.tar_index import index_tar

_log = logging.getLogger(__name__)

_FORMAT = 1  # of the remembered index: raise it when what it holds, or what is refused, changes
_PATIENCE = 2.0  # seconds after which the progress is shown


@dataclass(frozen=True)
class ShardIndex:
    """The pictures of one shard, in the order in which they lie there.

    Args:
        shard: the file.
        members: N names.
        offsets: int64 (N,), of the first byte of each.
        sizes: int64 (N,), bytes.
        labels: int64 (N,), class numbers.
    """

    shard: Shard
    members: tuple[str, ...]
    offsets: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray


def is_mindrecord(path: Path) -> bool:
    """Whether a file's name is one that MindSpore's writer gives: x.mindrecord, or x.mindrecord0 of several."""
    return ".mindrecord" in path.name and path.name.rpartition(".mindrecord")[2] in ("", *map(str, range(10_000)))


def index_shards(paths: Sequence[Path], cache: Path) -> list[ShardIndex]:
    """Index shards, in their order.

    Args:
        paths: tar files and MindRecord files.
        cache: folder that indices are remembered in.

    Raises:
        DataError: a shard that is damaged or holds what it should not.
    """
    found, read = [], 0
    folder = cache / "shards"
    can_keep = True
    for path in tqdm(paths, desc="indexing shards", unit="shard", delay=_PATIENCE, disable=None):
        shard = _shard_at(path)
        place = folder / f"{hashlib.sha256(repr((_FORMAT, *shard)).encode('utf-8', 'surrogateescape')).hexdigest()}.npz"
        index = _recalled(place, shard)
        if index is None:
            index = _index(path, shard)
            read += 1
            can_keep = can_keep and _keep(place, index)
        found.append(index)
    _log.info("%d shards: %d indexed, %d remembered", len(paths), read, len(paths) - read)
    return found


def _shard_at(path: Path) -> Shard:
    try:
        return Shard.at(path)
    except OSError as error:
        raise DataError(f"shard {printable(path)} cannot be read ({error.strerror})") from error


def _index(path: Path, shard: Shard) -> ShardIndex:
    indexer: Callable[[Path], list[tuple[str, int, int, int]]] = index_mindrecord if is_mindrecord(path) else index_tar
    rows = indexer(path)
    if not rows:
        raise DataError(f"shard {printable(path)} holds no pictures")
    members, *numbers = zip(*rows, strict=True)
    return ShardIndex(shard, members, *(np.array(column, np.int64) for column in numbers))


def _recalled(place: Path, shard: Shard) -> ShardIndex | None:
    """Return a remembered index; one that is damaged counts as none."""
    try:
        with np.load(place, allow_pickle=False) as kept:
            members = kept["members"].tobytes().decode("utf-8", "surrogateescape").split("\0")
            return ShardIndex(shard, tuple(members), kept["offsets"], kept["sizes"], kept["labels"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _keep(place: Path, index: ShardIndex) -> bool:
    """Remember an index; where that cannot be, say so and return False."""
    names = np.frombuffer("\0".join(index.members).encode("utf-8", "surrogateescape"), np.uint8)
    try:
        os.makedirs(place.parent, exist_ok=True)
        with atomic_path(place) as temporary:
            np.savez(temporary, members=names, offsets=index.offsets, sizes=index.sizes, labels=index.labels)
    except OSError as error:
        _log.warning(
            "%s: %s; indices of shards are not remembered, and the next start makes them again (data.cache_dir)",
            printable(place.parent), error.strerror or error,
        )  # fmt: skip
        return False
    return True
