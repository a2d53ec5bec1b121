"""Pictures in folders: <path>/<split>/<class>/<picture>."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from common.errors import DataError
from common.suggest import did_you_mean
from datazoo.pictures import PictureSet, Splits
from datazoo.pipeline.decode import EXTENSIONS
from datazoo.sources.holdout import hold_out


def read_class_list(path: Path) -> tuple[str, ...]:
    """Read class names, one a line, in label order.

    Raises:
        DataError: missing, not UTF-8, empty, or a name twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"class list {path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"class list {path} is not UTF-8 (GBK?); save it as UTF-8") from error
    return check_class_list(tuple(line.strip() for line in text.splitlines() if line.strip()), str(path))


def check_class_list(classes: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Return `classes` if they are at least one and all different, else raise DataError naming `where`."""
    if not classes:
        raise DataError(f"{where}: no class names")
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise DataError(f"{where}: class {twice[0]!r} is listed more than once")
    return classes


def _class_folders(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def scan(folder: Path, split: str, classes: tuple[str, ...] | None) -> tuple[PictureSet, tuple[str, ...]]:
    """List the pictures of one split.

    Args:
        folder: holds one folder a class.
        split: name of the split.
        classes: names in label order; None sorts the folder names.

    Returns:
        The pictures sorted by class and name, and notes on what was left out.

    Raises:
        DataError: folder missing, class without folder, folder without class, or class without pictures.
    """
    if not folder.is_dir():
        siblings = _class_folders(folder.parent) if folder.parent.is_dir() else []
        found = f"{folder.parent} has {', '.join(siblings[:6])}" if siblings else f"{folder.parent} has no sub-folders"
        raise DataError(f"split folder {folder} does not exist; {found}")
    folders = _class_folders(folder)
    if not folders:
        raise DataError(f"{folder}: no class folders")
    names = tuple(folders) if classes is None else classes
    for name in names:
        if name not in folders:
            raise DataError(f"class {name!r} has no folder in {folder}{did_you_mean(name, folders)}")
    for name in folders:
        if name not in names:
            raise DataError(f"folder {folder / name} is not in the class list{did_you_mean(name, names)}")

    paths: list[Path] = []
    labels: list[int] = []
    left_out: Counter[str] = Counter()
    dangling: list[str] = []
    for label, name in enumerate(names):
        before = len(paths)
        for path in sorted((folder / name).iterdir()):
            if path.name.startswith("."):
                left_out["hidden"] += 1
            elif path.is_symlink() and not path.exists():
                dangling.append(f"{name}/{path.name}")
            elif not path.is_file():
                left_out["folder"] += 1
            elif path.suffix.lower() not in EXTENSIONS:
                left_out[path.suffix.lower() or "no extension"] += 1
            else:
                paths.append(path)
                labels.append(label)
        if len(paths) == before:
            raise DataError(f"class {name!r} has no pictures in {folder / name}; add some or remove the class")
    notes = []
    if left_out:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(left_out.items()))
        notes.append(f"{split}: {sum(left_out.values())} entries in {folder} are not pictures and left out ({kinds})")
    if dangling:
        notes.append(f"{split}: {len(dangling)} dangling links left out: {', '.join(dangling[:5])}")
    return PictureSet(split, names, np.asarray(labels, np.int32), paths=tuple(paths)), tuple(notes)


def load(
    path: Path,
    *,
    train_split: str,
    val_split: str | None,
    test_split: str,
    val_fraction: float,
    split_seed: int,
    classes: tuple[str, ...] | None,
) -> Splits:
    """Load train, val and test from sub-folders; without a val folder, val is held out of train by class.

    Raises:
        DataError: see `scan`; or val and test disagree with train about the classes.
    """
    if not path.is_dir():
        raise DataError(f"dataset folder {path} does not exist; set data.path")
    train, train_notes = scan(path / train_split, "train", classes)
    test, test_notes = scan(path / test_split, "test", train.classes)
    notes = [*train_notes, *test_notes]
    if val_split is not None and (path / val_split).is_dir():
        val, val_notes = scan(path / val_split, "val", train.classes)
        notes += val_notes
    else:
        total = len(train)
        train, val = hold_out(train, val_fraction, split_seed, "val")
        reason = "data.val_split is null" if val_split is None else f"no folder {path / val_split}"
        notes.append(f"{reason}: {len(val)} of {total} train pictures held out as val, by class")
    notes.append(f"{len(train.classes)} classes: {len(train)} train, {len(val)} val, {len(test)} test pictures")
    return Splits(train, val, test, tuple(notes))
