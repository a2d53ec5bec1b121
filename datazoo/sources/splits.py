"""Where pictures come from: `load_splits` turns a source's name and place into three `PictureSet`s."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from common.errors import DataError
from datazoo.pictures import PictureSet, Splits
from datazoo.sources import digits, image_folder, mnist
from datazoo.sources.split_names import SplitName

__all__ = ["PictureSet", "Splits", "load_splits"]

_log = logging.getLogger(__name__)


def load_splits(
    source: str,
    path: Path | None = None,
    *,
    train_split: str = "train",
    val_split: str | None = "val",
    test_split: str = "test",
    chosen: Collection[str] = (),
    val_fraction: float = 0.1,
    split_seed: int = 0,
    classes: tuple[str, ...] | None = None,
    classes_file: Path | None = None,
) -> Splits:
    """Load training, validation and test pictures.

    Args:
        source: digits, mnist or image_folder.
        path: dataset folder (not for digits).
        train_split: sub-folder to train on (image_folder).
        val_split: sub-folder to validate on; None takes `val_fraction` of train, by class.
        test_split: sub-folder to test on (image_folder).
        chosen: which of these three somebody chose, though they are the defaults. A name that was chosen has to be
            there; a default is found under other spellings too, and a val that is nowhere is held out of train.
        val_fraction: share held out for validation.
        split_seed: seed of hold-outs.
        classes: names in label order (image_folder); None sorts the folder names.
        classes_file: file with those names, one a line.

    Raises:
        DataError: what is asked for is not there, damaged or contradictory.
    """
    if source == "digits":
        splits = digits.load(val_fraction, split_seed)
    elif path is None:
        raise DataError(f"source {source} needs a dataset folder; set data.path")
    elif source == "mnist":
        splits = mnist.load(Path(path), val_fraction, split_seed)
    elif source == "image_folder":
        if classes_file is not None:
            classes = image_folder.read_class_list(Path(classes_file))
        elif classes is not None:
            classes = image_folder.check_class_list(tuple(classes), "data.classes")
        splits = image_folder.load(
            Path(path),
            names=tuple(
                SplitName(split, name, chosen=name != split or f"{split}_split" in chosen)
                for split, name in (("train", train_split), ("val", val_split), ("test", test_split))
            ),
            val_fraction=val_fraction,
            split_seed=split_seed,
            classes=classes,
        )
    else:
        raise DataError(f"unknown data source {source!r}; there are digits, mnist and image_folder")
    if source != "image_folder" and (classes or classes_file):
        _log.warning("data.classes has no effect on source %s, whose classes are its digits", source)
    for note in splits.notes:
        _log.info(note)
    return splits
