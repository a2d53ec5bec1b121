"""Pictures in folders: <path>/<split>/<class>/<picture>, or <path>/<class>/<picture>."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from common.decode import HEIC_HINT
from common.errors import DataError
from common.names import class_name_problem, printable, readable
from common.suggest import did_you_mean
from datazoo.path_list import PathList
from datazoo.pictures import PictureSet, Splits
from datazoo.pipeline.decode import EXTENSIONS
from datazoo.sources.dataset_root import class_called_like_a_split, dataset_root, flat_notes, level_hint, pictures_in
from datazoo.sources.missing_splits import Shares, complete
from datazoo.sources.split_names import HELD_OUT, TRAIN, SplitName, find_split, missing_split, sub_folders


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
    classes = tuple(unicodedata.normalize("NFC", name) for name in classes)
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise DataError(f"{where}: class {twice[0]!r} is listed more than once")
    return classes


def _class_folders(folder: Path, split: str) -> dict[str, str]:
    """The folders' names by class name: that is NFC, while macOS writes an é as two characters (NFD)."""
    names = sub_folders(folder)
    if not names and split in HELD_OUT and (count := pictures_in(folder)):
        raise DataError(
            f"{split}: {count} pictures in {printable(folder)} lie in no class folder, so nobody knows what they show\n"
            "move the folder elsewhere to train without it; python predict.py FOLDER answers such pictures"
        )
    if not names:
        raise DataError(f"{printable(folder)}: no class folders{level_hint(folder)}")
    for name in names:
        if problem := class_name_problem(name):
            raise DataError(f"{printable(folder)}: the name of class folder {readable(name)} {problem}")
    folders: dict[str, str] = {}
    for name in names:
        if folders.setdefault(unicodedata.normalize("NFC", name), name) != name:
            raise DataError(
                f"{printable(folder)}: two class folders are called {readable(name)}, written as different characters "
                "(Unicode NFC and NFD); move the pictures into one of them"
            )
    return folders


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_dangling(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() and not os.path.exists(entry.path)


def _suffix(name: str) -> str:
    """Return what `Path.suffix` does, in lower case, without making a Path."""
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""


def scan(folder: Path, split: str, classes: tuple[str, ...] | None) -> tuple[PictureSet, tuple[str, ...]]:
    """List the pictures of one split.

    Args:
        folder: holds one folder a class.
        split: name of the split.
        classes: names in label order; None sorts the folder names.

    Returns:
        The pictures sorted by class and name, and notes on what was left out.

    Raises:
        DataError: folder without class, a name that cannot be shown, no pictures; in train, class without folder or
            pictures too.
    """
    folders = _class_folders(folder, split)
    names = tuple(sorted(folders)) if classes is None else classes
    for name in names:
        if name not in folders and split == TRAIN:
            raise DataError(f"class {name!r} has no folder in {folder}{did_you_mean(name, folders)}")
    for name in folders:
        if name not in names:
            raise DataError(_unknown_class(split, folder / folders[name], name, names))

    paths: list[str] = []
    labels: list[int] = []
    left_out: Counter[str] = Counter()
    dangling = [printable(entry.name) for entry in _entries(folder) if _is_dangling(entry)]
    for label, name in enumerate(names):
        before, place = len(paths), folder / folders.get(name, name)
        for entry in _entries(place) if name in folders else ():
            suffix = _suffix(entry.name)
            if entry.name.startswith("."):
                left_out["hidden"] += 1
            elif _is_dangling(entry):
                dangling.append(printable(f"{name}/{entry.name}"))
            elif not entry.is_file():  # known without a look at the file, but for links
                left_out["folder"] += 1
            elif suffix not in EXTENSIONS:
                left_out[suffix or "no extension"] += 1
            else:
                paths.append(entry.path)
                labels.append(label)
        if len(paths) == before and split == TRAIN:
            raise DataError(
                f"class {name!r} has no pictures in {printable(place)}; add some or remove the class{level_hint(place)}"
            )
    if not paths:
        raise DataError(f"{split}: no pictures in {printable(folder)}{level_hint(folder)}")
    notes = []
    if stray := pictures_in(folder):
        notes.append(f"{stray} pictures in {printable(folder)} are in no class folder and left out")
    if left_out:
        hints = dict.fromkeys((".heic", ".heif"), f" ({HEIC_HINT})")
        kinds = ", ".join(f"{count} {kind}{hints.get(kind, '')}" for kind, count in sorted(left_out.items()))
        notes.append(f"{split}: {sum(left_out.values())} entries in {folder} are not pictures and left out ({kinds})")
    if dangling:
        notes.append(f"{split}: {len(dangling)} dangling links left out: {', '.join(dangling[:5])}")
    return PictureSet(split, names, np.asarray(labels, np.int32), paths=PathList(paths)), tuple(notes)


def _unknown_class(split: str, folder: Path, name: str, names: Sequence[str]) -> str:
    hint = did_you_mean(name, names)
    if split == TRAIN:
        return f"folder {printable(folder)} is not in the class list{hint}"
    return (
        f"{split}: {printable(folder)} is none of the {len(names)} classes of train; add pictures of it to train, "
        f"or move the folder away{hint}"
    )


def load(path: Path, names: Sequence[SplitName], shares: Shares, classes: tuple[str, ...] | None) -> Splits:
    """Load train, val and test from sub-folders; what is missing is held out of train.

    Where no sub-folder is a split, the sub-folders are the classes, and all of them are train.

    Args:
        path: the dataset's folder, or one that holds nothing but it.
        names: of the sub-folders of train, val and test.
        shares: how much is held out.
        classes: names in label order; None sorts the folder names.

    Raises:
        DataError: see `scan`, `find_split` and `dataset_root`; or val and test disagree with train about the classes.
    """
    root, notes = dataset_root(path, names)
    found: dict[str, str | float | None] = {}
    for wanted in names:
        name, understood = find_split(root, wanted)
        found[f"{wanted.split}_split"] = name
        notes += understood
    if found["train_split"] is None:
        if any(found.values()):
            if hint := class_called_like_a_split(root):
                raise DataError(f"{printable(root)}: no train split{hint}")
            raise missing_split(root, names[0], sub_folders(root))
        found["train_split"] = "."
        notes += flat_notes(root)

    def part(split: str, of: tuple[str, ...] | None) -> PictureSet | None:
        name = found[f"{split}_split"]
        if name is None:
            return None
        pictures, left_out = scan(root / str(name), split, of)
        notes.extend(left_out)
        return pictures

    train = part("train", classes)
    assert train is not None
    val, test = part("val", train.classes), part("test", train.classes)
    if test is None:
        found["test_fraction"] = shares.of_test(val is not None, False)
    everything = complete(train, val, test, shares, _reason(root, names, found))
    notes += everything.notes
    counts = ", ".join(f"{len(part)} {part.split}" for part in everything)
    notes.append(f"{len(train.classes)} classes: {counts} pictures")
    return Splits(everything.train, everything.val, everything.test, tuple(notes), folders=found, made=everything.made)


def _reason(root: Path, names: Sequence[SplitName], found: Mapping[str, str | float | None]) -> str:
    if found["train_split"] == ".":
        return f"{printable(root)} has no split folders"
    missing = next((w.split for w in names if found[f"{w.split}_split"] is None), "val")
    is_null = any(wanted.split == missing and wanted.name is None for wanted in names)
    return f"data.{missing}_split is null" if is_null else f"no folder {root / missing}"
