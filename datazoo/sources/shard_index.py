"""Where the pictures of a shard are and what they show: looked up once, and remembered until the shard changes."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tqdm import tqdm

from common.errors import DataError
from common.files import atomic_path
from common.names import printable
from datazoo.packed import Shard
from datazoo.pipeline.ranks import ALONE, Ranks
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


def index_shards(paths: Sequence[Path], cache: Path, ranks: Ranks = ALONE) -> list[ShardIndex]:
    """Index shards, in their order.

    Args:
        paths: tar files and MindRecord files.
        cache: folder that indices are remembered in.
        ranks: that index the same; a shard that several see is indexed by one of them.

    Raises:
        DataError: a shard that is damaged or holds what it should not.
    """
    shards, memory = [_shard_at(path) for path in paths], _Memory(cache / "shards")
    known = {shard: index for shard in shards if (index := memory.recall(shard)) is not None}
    missing = [shard for shard in shards if shard not in known]
    known |= _indexed(missing, memory, ranks) if ranks.shard.world_size == 1 else _shared(missing, memory, ranks)
    _log.info("%d shards: %d indexed, %d remembered", len(paths), len(missing), len(paths) - len(missing))
    return [known[shard] for shard in shards]


def _indexed(shards: Sequence[Shard], memory: _Memory, ranks: Ranks) -> dict[Shard, ShardIndex]:
    hidden = None if ranks.shard.rank == 0 else True  # None: where there is a terminal
    found = {}
    for shard in tqdm(shards, desc="indexing shards", unit="shard", delay=_PATIENCE, disable=hidden):
        found[shard] = _index(shard)
        memory.keep(found[shard])
    return found


def _shared(missing: Sequence[Shard], memory: _Memory, ranks: Ranks) -> dict[Shard, ShardIndex]:
    """Index what this rank lacks, each shard by one of the ranks that lack it."""
    lacked = [set(json.loads(answer)) for answer in ranks.gather(json.dumps([*map(_key, missing)]).encode())]
    lacking = {key: [rank for rank, keys in enumerate(lacked) if key in keys] for key in sorted(set().union(*lacked))}
    workers = {key: those[place % len(those)] for place, (key, those) in enumerate(lacking.items())}
    made = _indexed([shard for shard in missing if workers[_key(shard)] == ranks.shard.rank], memory, ranks)
    indices: dict[str, bytes] = {}
    for answer in ranks.gather(_together({_key(shard): _packed(index) for shard, index in made.items()})):
        indices |= _apart(answer)
    for shard in missing:
        if shard not in made:
            made[shard] = _unpacked(io.BytesIO(indices[_key(shard)]), shard)
            memory.keep(made[shard])
    return made


def _together(contents: Mapping[str, bytes]) -> bytes:
    sizes = json.dumps({key: len(content) for key, content in contents.items()}).encode()
    return sizes + b"\n" + b"".join(contents.values())


def _apart(joined: bytes) -> dict[str, bytes]:
    head, _, rest = joined.partition(b"\n")
    sizes = json.loads(head)
    ends = list(accumulate(sizes.values()))
    return {key: rest[end - size : end] for (key, size), end in zip(sizes.items(), ends, strict=True)}


def _shard_at(path: Path) -> Shard:
    try:
        return Shard.at(path)
    except OSError as error:
        raise DataError(f"shard {printable(path)} cannot be read ({error.strerror})") from error


def _index(shard: Shard) -> ShardIndex:
    path = Path(shard.path)
    indexer: Callable[[Path], list[tuple[str, int, int, int]]] = index_mindrecord if is_mindrecord(path) else index_tar
    rows = indexer(path)
    if not rows:
        raise DataError(f"shard {printable(path)} holds no pictures")
    members, *numbers = zip(*rows, strict=True)
    return ShardIndex(shard, members, *(np.array(column, np.int64) for column in numbers))


def _key(shard: Shard) -> str:
    return hashlib.sha256(repr((_FORMAT, *shard)).encode("utf-8", "surrogateescape")).hexdigest()


def _packed(index: ShardIndex) -> bytes:
    stream = io.BytesIO()
    names = np.frombuffer("\0".join(index.members).encode("utf-8", "surrogateescape"), np.uint8)
    np.savez(stream, members=names, offsets=index.offsets, sizes=index.sizes, labels=index.labels)
    return stream.getvalue()


def _unpacked(source: Path | BinaryIO, shard: Shard) -> ShardIndex:
    with np.load(source, allow_pickle=False) as kept:
        members = kept["members"].tobytes().decode("utf-8", "surrogateescape").split("\0")
        return ShardIndex(shard, tuple(members), kept["offsets"], kept["sizes"], kept["labels"])


class _Memory:
    """Indices in a folder; where they cannot be kept, one line says so."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._useless = folder, False

    def recall(self, shard: Shard) -> ShardIndex | None:
        """Return a remembered index; one that is damaged counts as none."""
        try:
            return _unpacked(self._place(shard), shard)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def keep(self, index: ShardIndex) -> None:
        """Remember an index, unless another rank has done so."""
        place = self._place(index.shard)
        if self._useless or self.recall(index.shard) is not None:
            return
        try:
            os.makedirs(self._folder, exist_ok=True)
            with atomic_path(place) as temporary:
                temporary.write_bytes(_packed(index))
        except OSError as error:
            self._useless = True
            _log.warning(
                "%s: %s; indices of shards are not remembered, and the next start makes them again (data.cache_dir)",
                printable(self._folder), error.strerror or error,
            )  # fmt: skip

    def _place(self, shard: Shard) -> Path:
        return self._folder / f"{_key(shard)}.npz"
