"""The value every other file here reads: a set of labelled pictures, in files or in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from common.errors import DataError
from common.names import printable
from datazoo.packed import PackedFile, PictureFile
from datazoo.path_list import PathList


@dataclass(frozen=True)
class PictureSet:
    """Labelled pictures of one split.

    Args:
        split: its name (train, val, test).
        classes: class names in label order.
        labels: int32 (N,).
        paths: N picture files, or None; they are kept as a `PathList`.
        arrays: uint8 (N, H, W, C) pictures in memory, or None.
        packed: N pictures in shards, or None.
        hashes: SHA-256 of every picture's bytes where they were read before, None for one that cannot be read.
        sizes: int32 (N, 2), width and height in pixels as stored; 0 where they are not known.
        unread: whether no picture was opened, so that `hashes` stand for the files' places, sizes and times of change.
    """

    split: str
    classes: tuple[str, ...]
    labels: np.ndarray
    paths: Sequence[Path] | None = None
    arrays: np.ndarray | None = None
    packed: tuple[PackedFile, ...] | None = None
    hashes: tuple[bytes | None, ...] | None = None
    sizes: np.ndarray | None = None
    unread: bool = False

    def __post_init__(self) -> None:
        if sum(kind is not None for kind in (self.paths, self.arrays, self.packed)) != 1:
            raise ValueError("a PictureSet has either paths, or arrays, or packed")
        if self.paths is not None:
            object.__setattr__(self, "paths", PathList.of(self.paths))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def files(self) -> Sequence[PictureFile] | None:
        """Where the pictures' bytes are: files, or parts of shards; None for pictures in memory."""
        return self.packed if self.paths is None else self.paths

    @property
    def file_keys(self) -> Sequence[str | PackedFile]:
        """The same as `files`, a path by its text; none for pictures in memory."""
        return PathList.of(self.paths).texts if self.paths is not None else self.packed or ()

    def subset(self, indices: Iterable[int] | np.ndarray, split: str | None = None) -> PictureSet:
        """Return the pictures at `indices`, in that order."""
        chosen = np.asarray(list(indices), dtype=np.int64)
        return replace(
            self,
            split=split or self.split,
            labels=self.labels[chosen],
            paths=None if self.paths is None else PathList.of(self.paths).chosen(chosen),
            arrays=None if self.arrays is None else self.arrays[chosen],
            packed=None if self.packed is None else tuple(self.packed[i] for i in chosen),
            hashes=None if self.hashes is None else tuple(self.hashes[i] for i in chosen),
            sizes=None if self.sizes is None else self.sizes[chosen],
        )

    def contents(self) -> Iterator[bytes]:
        """Yield every picture's bytes as stored: the file, the part of a shard, or the array."""
        if self.files is not None:
            for path in self.files:
                yield path.read_bytes()
        elif self.arrays is not None:
            for picture in self.arrays:
                yield picture.tobytes()

    @cached_property
    def _hashes(self) -> tuple[bytes | None, ...]:
        if self.hashes is not None:
            return self.hashes
        return tuple(hashlib.sha256(content).digest() for content in self.contents())

    def content_hashes(self) -> list[bytes]:
        """Return the SHA-256 of every picture's bytes; they are read once.

        Raises:
            DataError: a picture could not be read.
        """
        known = [digest for digest in self._hashes if digest is not None]
        if len(known) < len(self):
            first = (self.files or ())[self._hashes.index(None)]
            raise DataError(f"{self.split}: {len(self) - len(known)} pictures cannot be read: {printable(first)}, ...")
        return known

    def class_counts(self) -> dict[str, int]:
        """Return the number of pictures of every class, in label order."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, counts, strict=True)}

    def fingerprint(self) -> str:
        """Return a SHA-256 over the bytes of all pictures, their order, labels and class names."""
        digest = hashlib.sha256("\n".join(self.classes).encode())
        digest.update(np.ascontiguousarray(self.labels, dtype="<i4").tobytes())
        if self.arrays is not None:
            digest.update(str(self.arrays.shape).encode())
        digest.update(b"".join(self.content_hashes()))
        return digest.hexdigest()

    def file_list_hash(self) -> str:
        """Return a SHA-256 over class/file (shard:member) names and labels, without reading any picture."""
        if self.files is None:
            return self.fingerprint()
        pairs = zip(self.file_keys, self.labels.tolist(), strict=True)
        lines = (f"{short_name(file)}\t{label}" for file, label in pairs)
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def pooled(parts: Sequence[PictureSet], split: str) -> PictureSet:
    """Put the pictures of several splits, of one source, into one set, in order.

    Args:
        parts: the splits.
        split: what the whole is called.
    """

    def chained(values: Iterable[Sequence[Any] | None]) -> tuple[Any, ...] | None:
        known = [value for value in values if value is not None]
        return tuple(item for value in known for item in value) if len(known) == len(parts) else None

    arrays = [part.arrays for part in parts if part.arrays is not None]
    sizes = [part.sizes for part in parts if part.sizes is not None]
    return replace(
        parts[0],
        split=split,
        labels=np.concatenate([part.labels for part in parts]),
        paths=chained(part.paths for part in parts),
        arrays=np.concatenate(arrays) if arrays else None,
        packed=chained(part.packed for part in parts),
        hashes=chained(part.hashes for part in parts),
        sizes=np.concatenate(sizes) if len(sizes) == len(parts) else None,
    )


def short_name(file: str | PackedFile) -> str:
    """Return what of a file's name is the same on every host: folder/file, or shard:member."""
    if isinstance(file, PackedFile):
        return f"{os.path.basename(file.shard.path)}:{file.member}"
    parts = file.rsplit("/", 2)
    return f"{parts[-2]}/{parts[-1]}" if len(parts) > 1 else f"/{file}"


@dataclass(frozen=True)
class DataFinding:
    """What was found wrong with a split before training.

    Args:
        kind: `unreadable` and `dropped` pictures were left out, the latter as copies of held-out ones; `copies` of
            pictures of another split are in it.
        split: its name.
        count: number of pictures.
        of: the other split.
    """

    kind: Literal["unreadable", "dropped", "copies"]
    split: str
    count: int
    of: str | None = None


@dataclass(frozen=True)
class Splits:
    """Training, validation and test pictures.

    Args:
        train: to train on.
        val: to choose checkpoints with.
        test: evaluated once, at the end; None where there is none.
        notes: what was decided on the way, one line each.
        leaking: names of the splits that hold copies of training pictures, once that was looked for.
        chosen_on: names of the splits all of whose pictures are in val too, once that was looked for: the checkpoint
            is chosen on them.
        folders: by key (train_split, ...), what the splits were found to be: sub-folders, None for one that has none,
            and the share held out as test. Empty for sources without folders.
        made: names of the splits that the data did not bring.
        findings: what was found wrong with the pictures, once that was looked for.
    """

    train: PictureSet
    val: PictureSet
    test: PictureSet | None
    notes: tuple[str, ...] = ()
    leaking: frozenset[str] = frozenset()
    chosen_on: frozenset[str] = frozenset()
    folders: Mapping[str, str | float | None] = field(default_factory=dict)
    made: tuple[str, ...] = ()
    findings: tuple[DataFinding, ...] = ()

    def __iter__(self) -> Iterator[PictureSet]:
        return (part for part in (self.train, self.val, self.test) if part is not None)

    def named(self, name: str) -> PictureSet:
        """Return train, val or test.

        Raises:
            DataError: there is no test split.
        """
        part = {"train": self.train, "val": self.val, "test": self.test}[name]
        if part is None:
            raise DataError("these data have no test split; --split val takes the pictures that chose the checkpoint")
        return part
