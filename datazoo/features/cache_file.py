"""One file of cached features: a memory-mapped array whose bytes are checked whenever it is opened.

Ranks write their rows into parts of their own; one of them joins the parts.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap, write_array_header_1_0

from common.errors import DataError
from common.files import atomic_path, sha256_of, write_json
from datazoo.pipeline.order import Shard


class CacheFile:
    """One cache: `<name>.npy` and `<name>.json` beside it, which holds its key, shape and checksum.

    Args:
        folder: of the cache, made if it is not there.
        name: of the files, without ending.
        key: over everything that the values depend on.
        shape: views and pictures.

    Raises:
        DataError: the folder cannot be written.
    """

    def __init__(self, folder: Path, name: str, key: str, shape: tuple[int, int]) -> None:
        self._folder, self._name, self._key, self._shape = folder, name, key, shape
        self.path = folder / f"{name}.npy"
        self._sidecar = folder / f"{name}.json"
        with self._writable():
            folder.mkdir(parents=True, exist_ok=True)

    def problem(self) -> str | None:
        """Return why the cache cannot be used, or None."""
        with self._lock():
            return self._problem()

    def _problem(self) -> str | None:
        if not self.path.exists():
            return f"not cached in {self._folder}"
        try:
            sidecar = json.loads(self._sidecar.read_text(encoding="utf-8"))
            checksum = sha256_of(self.path)
        except (OSError, ValueError) as error:
            return f"cache {self.path} cannot be trusted ({error})"
        if not isinstance(sidecar, dict) or sidecar.get("key") != self._key:
            return f"cache {self.path} belongs to other weights, preprocessing or pictures"
        if sidecar.get("sha256") != checksum:
            return f"cache {self.path} is truncated or damaged"
        if tuple(sidecar.get("shape", ()))[:2] != self._shape:
            return f"cache {self.path} has shape {sidecar.get('shape')}"
        return None

    def write_part(self, batches: Iterator[np.ndarray], count: int, shard: Shard) -> None:
        """Keep one rank's rows until `join`, written as they are made: no more than a batch is in memory.

        Args:
            batches: float32 (B, ...), `count` rows in all.
            count: number of rows.
            shard: the rank.
        """
        target = self._part(shard.rank, shard.world_size)
        with self._writable(), atomic_path(target) as temporary, temporary.open("wb") as file:
            first = next(batches, np.empty((0, 0), np.float32))
            shape = (count, *first.shape[1:])
            write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
            for batch in chain([first], batches):
                file.write(np.ascontiguousarray(batch, "<f4").data)

    def join(self, world_size: int) -> None:
        """Make the cache out of all ranks' parts, unless another run has just done so."""
        with self._lock():
            if self._problem():
                files = [self._part(rank, world_size) for rank in range(world_size)]
                parts = [np.load(file, mmap_mode="r", allow_pickle=False) for file in files]
                parts = [part for part in parts if len(part)]
                self._write(parts)
            for leftover in self._folder.glob(f"{self._name}.part*"):
                leftover.unlink(missing_ok=True)

    def _write(self, parts: list[np.ndarray]) -> None:
        shape = (*self._shape, *parts[0].shape[1:])
        with self._writable(), atomic_path(self.path) as temporary:
            out = open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
            np.concatenate(parts, out=out.reshape(-1, *shape[2:]))
            out.flush()
            checksum = sha256_of(temporary)
        with self._writable():
            write_json(self._sidecar, {"key": self._key, "shape": shape, "sha256": checksum})

    def open(self) -> np.ndarray:
        """Return the values, float32 (views, N, ...), read-only."""
        values: np.ndarray = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return values

    def _part(self, rank: int, world_size: int) -> Path:
        return self._folder / f"{self._name}.part{rank}of{world_size}"

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        # Two runs that share a cache folder must not mix one's file with the other's checksum.
        with self._writable():
            # Open for reading, so that whoever may only read the folder can use what is in it.
            lock = os.open(self._folder / ".lock", os.O_RDONLY | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"cache folder {self._folder} cannot be written ({error.strerror}); set data.features.cache_dir"
            raise DataError(message) from error
