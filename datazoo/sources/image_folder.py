"""Pictures in folders: <path>/<split>/<class>/<picture>."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.errors import DataError
from common.names import class_name_problem, printable, readable
from common.suggest import did_you_mean
from datazoo.pictures import PictureSet, Splits
from datazoo.pipeline.decode import EXTENSIONS
from datazoo.sources.holdout import hold_out
from datazoo.sources.missing import no_folder
from datazoo.sources.split_names import SplitName, find_split, missing_split, sub_folders


def read_class_list(path: Path) -> tuple[str, ...]:
    """Read class names, one a line, in label order.

    Raises:
        DataError: missing, not UTF-8, empty, a name twice, or one that cannot be shown.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"class list {printable(path)} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"class list {path} is not UTF-8 (GBK?); save it as UTF-8") from error
    return check_class_list(tuple(line.strip() for line in text.splitlines() if line.strip()), str(path))


def check_class_list(classes: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Return `classes` if they are at least one, all different and fit to be shown; else raise DataError."""
    if not classes:
        raise DataError(f"{where}: no class names")
    for name in classes:
        if problem := class_name_problem(name):
            raise DataError(f"{where}: class {readable(name)} {problem}")
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise DataError(f"{where}: class {twice[0]!r} is listed more than once")
    return classes


def _class_folders(folder: Path) -> list[str]:
    names = sub_folders(folder)
    if not names:
        raise DataError(f"{printable(folder)}: no class folders")
    for name in names:
        if problem := class_name_problem(name):
            raise DataError(f"{printable(folder)}: the name of class folder {readable(name)} {problem}")
    return names


def scan(folder: Path, split: str, classes: tuple[str, ...] | None) -> tuple[PictureSet, tuple[str, ...]]:
    """List the pictures of one split.

    Args:
        folder: holds one folder a class.
        split: name of the split.
        classes: names in label order; None sorts the folder names.

    Returns:
        The pictures sorted by class and name, and notes on what was left out.

    Raises:
        DataError: class without folder, folder without class, class without pictures, or a name that cannot be shown.
    """
    folders = _class_folders(folder)
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
                dangling.append(printable(f"{name}/{path.name}"))
            elif not path.is_file():
                left_out["folder"] += 1
            elif path.suffix.lower() not in EXTENSIONS:
                left_out[path.suffix.lower() or "no extension"] += 1
            else:
                paths.append(path)
                labels.append(label)
        if len(paths) == before:
            raise DataError(
                f"class {name!r} has no pictures in {printable(folder / name)}; add some or remove the class"
            )
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
    names: Sequence[SplitName],
    val_fraction: float,
    split_seed: int,
    classes: tuple[str, ...] | None,
) -> Splits:
    """Load train, val and test from sub-folders; where val has none, it is held out of train by class.

    Args:
        path: the dataset's folder.
        names: of the sub-folders of train, val and test.
        val_fraction: share held out.
        split_seed: of the hold-out.
        classes: names in label order; None sorts the folder names.

    Raises:
        DataError: see `scan` and `find_split`; or val and test disagree with train about the classes.
    """
    if not path.is_dir():
        raise no_folder("image_folder", path)
    found: dict[str, str | None] = {}
    notes: list[str] = []
    for wanted in names:
        name, understood = find_split(path, wanted)
        if name is None and wanted.split != "val":
            raise missing_split(path, wanted, sub_folders(path))
        found[wanted.split] = name
        notes += understood

    train, train_notes = scan(path / str(found["train"]), "train", classes)
    test, test_notes = scan(path / str(found["test"]), "test", train.classes)
    notes += [*train_notes, *test_notes]
    if found["val"] is not None:
        val, val_notes = scan(path / found["val"], "val", train.classes)
        notes += val_notes
    else:
        total = len(train)
        train, val = hold_out(train, val_fraction, split_seed, "val")
        is_null = any(wanted.split == "val" and wanted.name is None for wanted in names)
        reason = "data.val_split is null" if is_null else f"no folder {path / 'val'}"
        notes.append(f"{reason}: {len(val)} of {total} train pictures held out as val, by class")
    notes.append(f"{len(train.classes)} classes: {len(train)} train, {len(val)} val, {len(test)} test pictures")
    return Splits(train, val, test, tuple(notes), folders={f"{split}_split": name for split, name in found.items()})
