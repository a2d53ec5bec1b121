"""Finds what is wrong with pictures before training does: undecodable files, and copies across splits.

    python -m datazoo.doctor FOLDER

prints classes, counts, balance, bad pictures and duplicates of <FOLDER>/<split>/<class>/<picture>. It exits with 1 when
there are bad pictures, or pictures of one split that are also in another, and with 2 when FOLDER cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.door import EXIT_FAILED, EXIT_OK, DoorParser, open_door
from common.errors import DataError
from common.names import printable
from datazoo.sources.missing import no_folder
from datazoo.sources.split_names import SPLITS, SplitName, find_split, split_meant_by, sub_folders

if TYPE_CHECKING:
    from datazoo.pictures import PictureSet


def _describe(pictures: PictureSet) -> str:
    import numpy as np

    from datazoo.doctor.copies import duplicates_within

    counts = np.array(list(pictures.class_counts().values()))
    balance = f"{counts.min()} to {counts.max()} a class"
    return (
        f"{pictures.split}: {len(pictures)} pictures, {balance}, {duplicates_within(pictures)} copies within the split"
    )


def _place(split: str | None) -> int:
    return SPLITS.index(split) if split else len(SPLITS)


def _print_understood(folder: Path) -> bool:
    """Print which folders a recipe that names none would take; return False where it would have to name one."""
    clear = True
    for split in SPLITS:
        try:
            _, notes = find_split(folder, SplitName(split, split, chosen=False))
        except DataError as error:
            notes, clear = (str(error),), False
        for note in notes:
            print(note)
    return clear


def main(argv: Sequence[str]) -> int:
    """Print the report of a dataset folder; return the exit code."""
    parser = DoorParser(prog="python -m datazoo.doctor", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="dataset folder: <folder>/<split>/<class>/<picture>")
    parser.add_argument("--workers", type=int, default=None, help="threads")
    options = parser.parse_args(argv)
    return EXIT_OK if _print_report(options.folder, options.workers) else EXIT_FAILED


def _print_report(folder: Path, workers: int | None) -> bool:
    if not folder.is_dir():
        raise no_folder("image_folder", folder)
    # Here, not above: Ctrl-C is answered from `open_door` on, and these take a while.
    from datazoo.doctor.check import check_pictures
    from datazoo.doctor.copies import leaks_between
    from datazoo.sources.image_folder import scan

    names = sorted(sub_folders(folder), key=lambda name: (_place(split_meant_by(name)), name))
    if not names:
        raise DataError(f"{printable(folder)} has no split folders (train, val, test)")
    healthy = _print_understood(folder)
    parts = []
    for name in names:
        pictures, notes = scan(folder / name, printable(name), None)
        parts.append(pictures)
        print(*notes, _describe(pictures), sep="\n")
        report = check_pictures(pictures.paths or (), workers)
        print(f"  {len(report.bad)} of {report.checked} cannot be decoded")
        for path, reason in report.bad:
            print(f"    {printable(path)}: {printable(reason)}")
        healthy &= not report.bad
    classes = {part.split: part.classes for part in parts}
    print(f"classes ({len(parts[0].classes)}): {', '.join(map(printable, parts[0].classes))}")
    for name, found in classes.items():
        if found != parts[0].classes:
            different = sorted(set(found) ^ set(parts[0].classes))
            print(f"  {name} and {parts[0].split} differ in {len(different)} classes: {', '.join(different)}")
            healthy = False
    for (first, second), count in leaks_between(parts).items():
        total = len(parts[names.index(second)])
        print(f"{count} of {total} {second} pictures are copies of {first} pictures")
        healthy &= not count
    return healthy


if __name__ == "__main__":
    open_door(main)
