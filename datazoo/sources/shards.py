"""Pictures in shards: tar files in WebDataset's layout and MindRecord files, in folders of splits or named by split."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np

from common.errors import DataError
from common.names import printable
from datazoo.packed import PackedFile
from datazoo.pictures import PictureSet, Splits
from datazoo.pipeline.ranks import ALONE, Ranks
from datazoo.sources.image_folder import read_class_list
from datazoo.sources.missing_splits import Shares, complete
from datazoo.sources.shard_index import ShardIndex, index_shards, is_mindrecord
from datazoo.sources.split_names import SPLITS, SplitName, find_split, split_meant_by, sub_folders

CLASSES_FILE = "classes.txt"  # beside the shards: class names, one a line


def is_glob(path: Path) -> bool:
    """Whether a path is a pattern of file names and no file."""
    return glob.has_magic(str(path)) and not path.exists()


def holds_shards(path: Path, names: Sequence[SplitName]) -> bool:
    """Whether a folder, or the folder of one of its splits, holds shards and no folders."""
    if not path.is_dir():
        return False
    inner = sub_folders(path)
    chosen = {wanted.name for wanted in names}
    folders = [path / name for name in inner if name in chosen or split_meant_by(name)] if inner else [path]
    return any(_shards_in(folder) and not sub_folders(folder) for folder in folders)


def load_shards(
    path: Path,
    names: Sequence[SplitName],
    shares: Shares,
    classes: tuple[str, ...] | None,
    cache: Path,
    ranks: Ranks = ALONE,
) -> Splits:
    """Load train, val and test from shards; what is missing is held out of train.

    Args:
        path: a folder of split folders; or a folder or pattern of shards whose names say their split
            (`imagenet-val-000000.tar`), and are train where they say none.
        names: of the splits' folders; None leaves a split out.
        shares: how much is held out.
        classes: names in label order; None takes `classes.txt` beside the shards, or the class numbers.
        cache: folder that indices of shards are remembered in.
        ranks: that load the same; each makes a part of the indices.

    Raises:
        DataError: no shards, damaged ones, or classes that do not fit the names.
    """
    root = path.parent if is_glob(path) else path
    files, notes = _files_of_splits(path, names)
    if not files.get("train"):
        raise DataError(f"{printable(path)}: no shards to train on, which are called *.tar or *.mindrecord")
    every = iter(index_shards(list(chain.from_iterable(files.values())), cache, ranks))
    indices = {split: list(islice(every, len(of))) for split, of in files.items()}
    if classes is None and (root / CLASSES_FILE).is_file():
        classes = read_class_list(root / CLASSES_FILE)
    known = _classes(path, list(chain.from_iterable(indices.values())), classes)
    parts = {split: _pictures(split, known, of) for split, of in indices.items()}
    empty = [name for name, count in parts["train"].class_counts().items() if count == 0]
    if empty:
        raise DataError(f"{printable(path)}: {len(empty)} classes have no picture in train, the first is {empty[0]!r}")
    val, test = parts.get("val"), parts.get("test")
    missing = [split for split in ("val", "test") if split not in parts]
    kept = {} if test is not None else {"test_fraction": shares.of_test(val is not None, False)}
    everything = complete(parts["train"], val, test, shares, f"{printable(path)}: no shards of {' and '.join(missing)}")
    counts = ", ".join(f"{len(part)} {part.split}" for part in everything)
    notes += [*everything.notes, f"{len(known)} classes: {counts} pictures in shards"]
    return Splits(everything.train, everything.val, everything.test, tuple(notes), folders=kept, made=everything.made)


def _shards_in(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if _is_shard(entry))


def _is_shard(path: Path) -> bool:
    return not path.name.startswith(".") and (path.suffix == ".tar" or is_mindrecord(path)) and path.is_file()


def _files_of_splits(path: Path, names: Sequence[SplitName]) -> tuple[dict[str, list[Path]], list[str]]:
    """Sort shards by split."""
    if not is_glob(path) and sub_folders(path):
        files: dict[str, list[Path]] = {}
        notes: list[str] = []
        for wanted in names:
            folder, understood = find_split(path, wanted)
            notes += understood
            if folder is not None:
                files[wanted.split] = _shards_in(path / folder)
                if not files[wanted.split]:
                    raise DataError(f"{printable(path / folder)} holds no shards, and other splits do")
        return files, notes
    found = [Path(name) for name in sorted(glob.glob(str(path)))] if is_glob(path) else _shards_in(path)
    sorted_by_split: dict[str, list[Path]] = {}
    for file in filter(_is_shard, found):
        sorted_by_split.setdefault(_split_in_name(file), []).append(file)
    unwanted = {wanted.split for wanted in names if wanted.name is None} & sorted_by_split.keys()
    notes = [f"{len(sorted_by_split[split])} shards of {split} left out: data.{split}_split is null"
             for split in sorted(unwanted)]  # fmt: skip
    return {split: sorted_by_split[split] for split in SPLITS if split in sorted_by_split.keys() - unwanted}, notes


def _split_in_name(file: Path) -> str:
    meant = {split for word in re.split(r"[^A-Za-z]+", file.name) if (split := split_meant_by(word))}
    if len(meant) > 1:
        raise DataError(f"shard {printable(file)} is named {' and '.join(sorted(meant))}; name it after one split")
    return meant.pop() if meant else "train"


def _classes(path: Path, indices: Sequence[ShardIndex], classes: tuple[str, ...] | None) -> tuple[str, ...]:
    """Class names that all labels fit; without names, the numbers up to the largest."""
    largest = max(indices, key=lambda index: int(index.labels.max()))
    highest = int(largest.labels.max())
    if classes is None:
        return tuple(map(str, range(highest + 1)))
    if highest >= len(classes):
        member = largest.members[int(largest.labels.argmax())]
        raise DataError(
            f"shard {printable(largest.shard.path)}: {printable(member)} has class {highest}, and "
            f"{printable(path)} has {len(classes)} class names, from 0 to {len(classes) - 1}"
        )
    return classes


def _pictures(split: str, classes: tuple[str, ...], indices: Sequence[ShardIndex]) -> PictureSet:
    files = tuple(
        PackedFile(index.shard, member, offset, size)
        for index in indices
        for member, offset, size in zip(index.members, index.offsets.tolist(), index.sizes.tolist(), strict=True)
    )
    labels = np.concatenate([index.labels for index in indices]).astype(np.int32)
    return PictureSet(split, classes, labels, packed=files)
