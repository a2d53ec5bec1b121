"""Where pictures come from: `load_splits` turns a source's name and place into three `PictureSet`s."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import DataError
from common.names import printable
from datazoo.photos.groups import photo_groups
from datazoo.pictures import PictureSet, Splits
from datazoo.pipeline.ranks import ALONE, Ranks
from datazoo.sources import digits, image_folder, mnist
from datazoo.sources.archive import inside, is_archive, no_data_file, unpack
from datazoo.sources.list_file import LIST_ENDINGS
from datazoo.sources.missing import fetch_hint
from datazoo.sources.missing_splits import Shares
from datazoo.sources.picture_list import load_list
from datazoo.sources.shards import holds_shards, is_glob, load_shards
from datazoo.sources.split_names import SplitName

__all__ = ["PictureSet", "SplitChoice", "Splits", "load_splits", "refuse_one_class"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitChoice:
    """What may be said about the splits of a source.

    Args:
        train_split: sub-folder to train on (image_folder).
        val_split: sub-folder to validate on; None takes `val_fraction` of train, by class.
        test_split: sub-folder to test on (image_folder); None takes `test_fraction` of train, by class.
        chosen: which of these three somebody chose, though they are the defaults. A name that was chosen has to be
            there; a default is found under other spellings too, and a val that is nowhere is held out of train.
        val_fraction: share held out for validation.
        test_fraction: share held out for testing where there is no test split; None holds one out only where the data
            bring no val either.
        split_seed: seed of hold-outs.
        classes: names in label order (image_folder); None sorts the folder names.
        classes_file: file with those names, one a line.
        archive_dir: folder that an archive is unpacked in.
        cache_dir: folder that indices of shards are remembered in.
    """

    train_split: str = "train"
    val_split: str | None = "val"
    test_split: str | None = "test"
    chosen: Collection[str] = ()
    val_fraction: float = 0.1
    test_fraction: float | None = None
    split_seed: int = 0
    classes: tuple[str, ...] | None = None
    classes_file: Path | None = None
    archive_dir: Path = Path("cache/archives")
    cache_dir: Path = Path("cache")

    def class_names(self) -> tuple[str, ...] | None:
        """Class names in label order, if they are given.

        Raises:
            DataError: the file cannot be read, or the names are no names.
        """
        if self.classes_file is not None:
            return image_folder.read_class_list(Path(self.classes_file))
        return None if self.classes is None else image_folder.check_class_list(tuple(self.classes), "data.classes")

    def split_names(self) -> tuple[SplitName, ...]:
        """The three sub-folders, each with whether somebody chose it."""
        names = {"train": self.train_split, "val": self.val_split, "test": self.test_split}
        return tuple(SplitName(s, name, chosen=name != s or f"{s}_split" in self.chosen) for s, name in names.items())


def load_splits(
    source: str,
    path: Path | None = None,
    choice: SplitChoice | None = None,
    hashed: Callable[[PictureSet], PictureSet] = lambda pictures: pictures,
    photos: Callable[[PictureSet], np.ndarray] = photo_groups,
    ranks: Ranks = ALONE,
) -> Splits:
    """Load training, validation and test pictures.

    Args:
        source: digits, mnist or image_folder.
        path: dataset folder, or for image_folder a list, an archive, or a pattern of shards too (not for digits).
        choice: of splits and classes.
        hashed: adds content hashes to pictures in files, for a hold-out.
        photos: numbers the photos behind pictures, for a hold-out.
        ranks: that load the same, and share the work.

    Raises:
        DataError: what is asked for is not there, damaged or contradictory.
    """
    choice = choice or SplitChoice()
    if source == "digits":
        splits = digits.load(choice.val_fraction, choice.split_seed)
    elif path is None:
        raise DataError(f"source {source} needs a dataset folder; {fetch_hint(source)}")
    elif source == "mnist":
        splits = mnist.load(Path(path), choice.val_fraction, choice.split_seed)
    elif source == "image_folder":
        splits = _load_files(Path(path), choice, hashed, photos, ranks)
    else:
        raise DataError(f"unknown data source {source!r}; there are digits, mnist and image_folder")
    if source != "image_folder" and (choice.classes or choice.classes_file):
        _log.warning("data.classes has no effect on source %s, whose classes are its digits", source)
    for note in splits.notes:
        _log.info(note)
    return splits


def refuse_one_class(splits: Splits, where: object) -> None:
    """Refuse what nothing can be learnt from.

    Args:
        splits: of a source.
        where: its place, or its name.

    Raises:
        DataError: there is one class only.
    """
    if len(splits.train.classes) < 2:
        raise DataError(
            f"{printable(where)}: one class only ({splits.train.classes[0]}), and there is nothing to tell apart\n"
            "is data.path one level off? Pictures are looked for in <data.path>/<class>/ and "
            "<data.path>/<split>/<class>/"
        )


def _load_files(
    path: Path,
    choice: SplitChoice,
    hashed: Callable[[PictureSet], PictureSet],
    photos: Callable[[PictureSet], np.ndarray],
    ranks: Ranks,
) -> Splits:
    """Load a folder, a list, an archive or shards of pictures."""
    shares = Shares(choice.val_fraction, choice.test_fraction, choice.split_seed, hashed, photos)
    if path.is_file() and is_archive(path):
        path = inside(unpack(path, choice.archive_dir))
    if path.is_file():
        if path.suffix.lower() in LIST_ENDINGS:
            return load_list(path, shares, choice.class_names())
        raise no_data_file(path)
    if is_glob(path) or holds_shards(path, choice.split_names()):
        return load_shards(path, choice.split_names(), shares, choice.class_names(), choice.cache_dir, ranks)
    return image_folder.load(path, choice.split_names(), shares, choice.class_names())
