"""Finds what is wrong with pictures before training does, shows it, and makes a clean copy.

    python -m datazoo.doctor DATA                 # a folder, a list or an archive: whatever data.path takes
    python -m datazoo.doctor DATA --fix CLEAN     # and leave out what is wrong; DATA itself is never touched

prints counts and problems, and writes doctor.html with pictures and doctor.json with everything. It exits with 1 when
pictures cannot be decoded, are in two splits or under two labels, or classes are missing, and with 2 when DATA cannot
be read.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.arguments import whole_number
from common.door import EXIT_FAILED, EXIT_OK, DoorParser, open_door
from common.errors import DataError
from common.names import printable
from datazoo.sources.missing import no_folder
from datazoo.sources.split_names import SPLITS, SplitName, find_split

if TYPE_CHECKING:
    from datazoo.doctor.inventory import Inventory
    from datazoo.doctor.page import Verdict

_NAMED = 5


def main(argv: Sequence[str]) -> int:
    """Examine a data set, print and write what was found; return the exit code."""
    parser = DoorParser(prog="python -m datazoo.doctor", description=__doc__)
    parser.add_argument("data", type=Path, help="folder of split or class folders, list of pictures, or archive")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="of doctor.html and doctor.json "
                        "(default: runs/doctor/<name of the data>)")  # fmt: skip
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="of the page (default: en)")
    parser.add_argument("--fix", type=Path, metavar="FOLDER", help="write a clean copy, and why each other file is not "
                        "in it")  # fmt: skip
    parser.add_argument("--fix_by", choices=("copy", "hardlink", "symlink"), default="copy", help="(default: copy)")
    parser.add_argument("--archive_dir", type=Path, default=Path("cache/archives"), help="where an archive is unpacked")
    parser.add_argument("--workers", type=whole_number(1), help="threads")
    return EXIT_OK if _report(parser.parse_args(argv)) else EXIT_FAILED


def _report(options: argparse.Namespace) -> bool:
    if not options.data.exists():
        raise no_folder("image_folder", options.data)
    # Here, not above: Ctrl-C is answered from `open_door` on, and these take a while.
    from datazoo.doctor.examination import examine
    from datazoo.doctor.findings import find_problems
    from datazoo.doctor.fixing import check_target
    from datazoo.doctor.inventory import take_inventory
    from datazoo.doctor.page import Verdict, write_verdict_json, write_verdict_page
    from datazoo.doctor.trainable import find_refusal
    from datazoo.sources.dataset_root import level_hint

    inventory = take_inventory(options.data, options.archive_dir)
    if not inventory.items:
        raise DataError(f"{printable(options.data)}: no pictures in class folders{level_hint(inventory.root)}")
    if options.fix is not None:
        check_target(options.fix, inventory)
    output = options.output or Path("runs/doctor") / options.data.resolve().name
    output.mkdir(parents=True, exist_ok=True)
    _print_understood(inventory)
    examined = examine([item.path for item in inventory.items], options.workers)
    refused = find_refusal(options.data, options.archive_dir, inventory, examined)
    verdict = Verdict(inventory, (*refused, *find_problems(inventory, examined)))
    _print_verdict(verdict)

    write_verdict_json(verdict, output / "doctor.json")
    write_verdict_page(verdict, output / "doctor.html", options.lang, str(options.data))
    print(f"page: {printable(output / 'doctor.html')}")
    if options.fix is not None:
        from datazoo.doctor.fixing import choose_left_out, write_clean
        from datazoo.doctor.inventory import MANIFEST

        left = choose_left_out(inventory, examined, verdict.findings)
        kept = write_clean(inventory, left, options.fix, options.fix_by)
        print(f"clean copy: {printable(options.fix)}: {kept} pictures; {len(left)} left out, see {MANIFEST} there")
    return verdict.passes


def _print_understood(inventory: Inventory) -> None:
    """Print which folders a recipe that names none would take."""
    for note in inventory.notes:
        print(note)
    for split in SPLITS if inventory.has_split_folders else ():
        with contextlib.suppress(DataError):  # two to choose from: told as what training would refuse
            _, notes = find_split(inventory.root, SplitName(split, split, chosen=False))
            print(*notes, sep="\n", end="\n" if notes else "")


def _print_verdict(verdict: Verdict) -> None:
    from datazoo.doctor.words import title_of

    inventory = verdict.inventory
    for split, counts in verdict.split_counts().items():
        numbers = counts.values()
        print(f"{printable(split)}: {sum(numbers)} pictures, {min(numbers)} to {max(numbers)} a class")
    names = sorted(set().union(*map(set, inventory.classes.values())))
    print(f"classes ({len(names)}): {', '.join(map(printable, names))}")
    for finding in verdict.findings:
        print(f"{'PROBLEM  ' if finding.is_problem else 'remark   '}{title_of(finding.kind)}: {finding.count}")
        for entry in finding.entries[:_NAMED] if finding.is_problem else ():
            files = " = ".join(printable(inventory.items[i].path) for i in entry.pictures)
            print(f"    {files}{': ' if files and entry.note else ''}{printable(entry.note)}")
        if finding.is_problem and len(finding.entries) > _NAMED:
            print(f"    and {len(finding.entries) - _NAMED} more, in doctor.html and doctor.json")
    for (first, second), count in _leaks(verdict).items():
        total = sum(item.split == second for item in inventory.items)
        print(f"{count} of {total} {printable(second)} pictures are copies of {printable(first)} pictures")
    print("passes" if verdict.passes else "does not pass")


def _leaks(verdict: Verdict) -> dict[tuple[str, str], int]:
    """Number of pictures of the second split that have a copy in the first, by pair of splits."""
    items = verdict.inventory.items
    counts: dict[tuple[str, str], int] = {}
    for finding in verdict.findings:
        for entry in finding.entries if finding.kind == "leak" else ():
            splits = sorted({(items[i].rank, items[i].split) for i in entry.pictures})
            for place, (_, first) in enumerate(splits):
                for _, second in splits[place + 1 :]:
                    copies = sum(items[i].split == second for i in entry.pictures)
                    counts[first, second] = counts.get((first, second), 0) + copies
    return counts


if __name__ == "__main__":
    open_door(main)
