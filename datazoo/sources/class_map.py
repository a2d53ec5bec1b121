"""Which class of a published network a folder of pictures shows."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.errors import DataError
from common.names import printable
from common.suggest import did_you_mean
from datazoo.pictures import PictureSet
from datazoo.sources.image_folder import scan

_log = logging.getLogger(__name__)

_HEADER = ["folder", "class"]


def load_mapped(folder: Path, num_classes: int, class_map: Path | None) -> PictureSet:
    """List the pictures of class folders under the labels of a published network.

    Args:
        folder: holds one folder a class.
        num_classes: of the network.
        class_map: a `.csv` with the columns folder and class (an index, from 0), or a `.txt` with one class a line, in
            the network's order, in which folders are found by name (of `ant, emmet, pismire` any). None takes folders
            in the order of their names, as ImageNet's are: there have to be as many as the network has classes.

    Returns:
        The pictures; the classes are the network's, under the folders' names where there is one and `class <i>` else.

    Raises:
        DataError: folder or file missing or not to be understood, or a folder that is not in it.
    """
    if not folder.is_dir():
        raise DataError(
            f"folder of pictures {printable(folder)} does not exist; --pictures names a folder of class folders"
        )
    pictures, notes = scan(folder, "pictures", None)
    for note in notes:
        _log.info(note)
    if class_map is not None:
        indices = _read_map(class_map, pictures.classes, num_classes)
    elif len(pictures.classes) == num_classes:
        indices = list(range(num_classes))
    else:
        raise DataError(
            f"{printable(folder)} has {len(pictures.classes)} class folders, the network {num_classes} classes: "
            "say which is which with --class_map FILE\n"
            "a .csv with the columns folder,class (an index), or a .txt with the network's class names, one a line"
        )
    names = [f"class {index}" for index in range(num_classes)]
    for name, index in zip(pictures.classes, indices, strict=True):
        names[index] = name
    return PictureSet("pictures", tuple(names), np.asarray(indices, np.int32)[pictures.labels], paths=pictures.paths)


def _read_map(path: Path, folders: Sequence[str], num_classes: int) -> list[int]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"class map {printable(path)} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"class map {printable(path)} is not UTF-8 (GBK?); save it as UTF-8") from error
    known = _from_csv(path, text) if path.suffix.lower() == ".csv" else _from_names(path, text, num_classes)
    found = []
    for name in folders:
        index = known.get(name, known.get(name.lower()))
        if index is None:
            raise DataError(f"class map {printable(path)}: no class for folder {name!r}{did_you_mean(name, known)}")
        if not 0 <= index < num_classes:
            raise DataError(
                f"class map {printable(path)}: {name!r} is class {index}, the network has 0 to {num_classes - 1}"
            )
        found.append(index)
    if len(set(found)) < len(found):
        twice = next(name for place, name in enumerate(folders) if found[place] in found[:place])
        raise DataError(f"class map {printable(path)}: folder {twice!r} has the class of another folder")
    return found


def _from_csv(path: Path, text: str) -> dict[str, int]:
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if row]
    if not rows or rows[0] != _HEADER:
        raise DataError(f"class map {printable(path)}: the first line has to be {','.join(_HEADER)}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(_HEADER) or not row[1].isdecimal():
            raise DataError(
                f"class map {printable(path)}:{number}: not a folder and an index: {printable(','.join(row))}"
            )
    return {folder: int(index) for folder, index in rows[1:]}


def _from_names(path: Path, text: str, num_classes: int) -> dict[str, int]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != num_classes:
        raise DataError(f"class map {printable(path)}: {len(lines)} lines, the network has {num_classes} classes")
    known: dict[str, int] = {}
    for index, line in enumerate(lines):
        for name in (line, *line.split(",")):
            known.setdefault(name.strip().lower(), index)
    return known
