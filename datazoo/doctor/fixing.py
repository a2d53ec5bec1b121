"""A clean copy of a data set: what is wrong is left out, and a manifest says why, file by file."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common.errors import DataError
from common.files import atomic_folder, write_text
from common.names import printable, table_cell
from datazoo.doctor.examination import Examination
from datazoo.doctor.findings import Finding, copy_groups
from datazoo.doctor.inventory import MANIFEST, WHOLE, Inventory, shown
from datazoo.sources.split_names import HELD_OUT, split_meant_by

By = Literal["copy", "hardlink", "symlink"]


@dataclass(frozen=True)
class LeftOut:
    """Why a picture is not in the clean copy, and the place of the picture that it is like, if it is one."""

    reason: str
    like: int | None = None


def choose_left_out(
    inventory: Inventory, examined: Sequence[Examination], findings: Sequence[Finding]
) -> dict[int, LeftOut]:
    """Choose which pictures to leave out, by place.

    Broken ones; copies under different labels, all of them; of other copies all but the one in the latest split (test,
    then val), and there the first; near copies of pictures of a later split; and classes that then have no picture left
    to train on.

    Args:
        inventory: the data set.
        examined: its pictures, in their order.
        findings: what was found in it.
    """
    items = inventory.items
    left = {i: LeftOut(f"cannot be decoded: {e.broken}") for i, e in enumerate(examined) if e.broken is not None}
    for group in copy_groups(examined):
        labels = sorted({items[i].label for i in group})
        keeper = min(group, key=lambda i: (-items[i].rank, i))
        for i in group:
            if len(labels) > 1:
                left.setdefault(i, LeftOut(f"copies of it are labelled {' and '.join(labels)}"))
            elif i != keeper:
                across = items[i].split != items[keeper].split
                reason = f"copy of a {items[keeper].split} picture" if across else "copy within the split"
                left.setdefault(i, LeftOut(reason, keeper))
    places: dict[bytes, list[int]] = {}
    for i, examination in enumerate(examined):
        places.setdefault(examination.digest, []).append(i)
    for entry in (entry for finding in findings if finding.kind == "near_leak" for entry in finding.entries):
        keeper = max(entry.pictures, key=lambda i: items[i].rank)
        for i in (copy for picture in entry.pictures for copy in places[examined[picture].digest]):
            if items[i].rank < items[keeper].rank:
                left.setdefault(i, LeftOut(f"near copy of a {items[keeper].split} picture", keeper))
    _leave_out_emptied_classes(inventory, left)
    return left


def _leave_out_emptied_classes(inventory: Inventory, left: dict[int, LeftOut]) -> None:
    kept = Counter((item.split, item.label) for i, item in enumerate(inventory.items) if i not in left)
    emptied: dict[str, str] = {}
    for label in sorted(set().union(*map(set, inventory.classes.values()))):
        for split in inventory.classes:
            if not kept[split, label] and split_meant_by(split) not in HELD_OUT:
                emptied.setdefault(label, split)
    for i, item in enumerate(inventory.items):
        if item.label in emptied and i not in left:
            where = "" if emptied[item.label] == WHOLE else f" in {emptied[item.label]}"
            left[i] = LeftOut(f"its class has no picture left{where}")


def check_target(target: Path, inventory: Inventory) -> None:
    """Refuse a folder for the clean copy that cannot be one, which is worth knowing before pictures are looked at.

    Raises:
        DataError: it is a file, not empty, or inside the data set.
    """
    if os.path.lexists(target) and not target.is_dir():
        raise DataError(f"--fix {printable(target)} is no folder; name a new one")
    if target.is_dir() and any(target.iterdir()):
        raise DataError(f"--fix {printable(target)} is not empty; name a new folder")
    if target.resolve().is_relative_to(inventory.root.resolve()):
        raise DataError(
            f"--fix {printable(target)} lies inside the data set, which is never touched; name another folder"
        )


def write_clean(inventory: Inventory, left: dict[int, LeftOut], target: Path, by: By) -> int:
    """Write the pictures that stay into a new folder, with manifest.csv; return their number.

    Args:
        inventory: the data set, in which nothing is changed.
        left: what is left out.
        target: the folder, not there or empty, and outside the data set.
        by: whether pictures are copied or linked.

    Raises:
        DataError: the folder cannot be used, or nothing would be in it.
    """
    check_target(target, inventory)
    if len(left) == len(inventory.items):
        raise DataError("--fix: every picture would be left out; see the reasons in doctor.html")
    taken: set[Path] = set()
    rows: list[tuple[str, ...]] = []
    try:
        with atomic_folder(target) as folder:
            for i, item in enumerate(inventory.items):
                name = shown(item.path, inventory.root)
                if i in left:
                    like = left[i].like
                    partner = "" if like is None else shown(inventory.items[like].path, inventory.root)
                    rows.append((name, item.split, item.label, "left out", left[i].reason, partner, ""))
                    continue
                place = _free_place(Path("" if item.split == WHOLE else item.split) / item.label, item.path, taken)
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                _put(item.path, folder / place, by)
                rows.append((name, item.split, item.label, "kept", "", "", place.as_posix()))
            rows += [(shown(path, inventory.root), "", "", "left out", why, "", "") for path, why in inventory.stray]
            _write_manifest(rows, folder / MANIFEST)
    except OSError as error:
        hint = "; --fix_by copy works across disks" if by == "hardlink" else ""
        raise DataError(f"--fix {printable(target)} cannot be written ({error.strerror or error}){hint}") from error
    return len(taken)


def _free_place(folder: Path, path: Path, taken: set[Path]) -> Path:
    """A name that is not taken yet: pictures of a list may have one name in several folders."""
    place, number = folder / path.name, 2
    while place in taken:
        place, number = folder / f"{path.stem}-{number}{path.suffix}", number + 1
    taken.add(place)
    return place


def _put(source: Path, place: Path, by: By) -> None:
    if by == "copy":
        shutil.copyfile(source, place)
    elif by == "hardlink":
        os.link(source.resolve(), place)
    else:
        place.symlink_to(source.resolve())


def _write_manifest(rows: Sequence[tuple[str, ...]], path: Path) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("path", "split", "class", "what", "reason", "like", "written"))
    writer.writerows([table_cell(cell) for cell in row] for row in rows)
    write_text(path, stream.getvalue())
