"""Pictures named by a list file, and lists of splits that were made."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.errors import DataError
from common.files import write_text
from common.names import encoding_problem, printable, readable
from common.suggest import did_you_mean
from datazoo.path_list import PathList
from datazoo.pictures import PictureSet, Splits
from datazoo.pipeline.decode import EXTENSIONS
from datazoo.sources.found_by_name import found_by_name
from datazoo.sources.image_folder import check_class_list
from datazoo.sources.list_file import Entry, read_entries
from datazoo.sources.listed_files import files_of
from datazoo.sources.missing_splits import Shares, complete

_NAMED = 3
_FORMULA_SIGNS = ("=", "+", "-", "@")  # what a spreadsheet would compute


def load_list(path: Path, shares: Shares, classes: tuple[str, ...] | None) -> Splits:
    """Load the pictures that a list names; splits that it does not name are held out of train.

    Args:
        path: the list, see `read_entries`; the pictures' paths count from its folder.
        shares: how much is held out.
        classes: names in label order, which labels may be numbers of; None sorts the labels.

    Raises:
        DataError: see `read_entries`; or pictures that are not there, one with two labels or splits, or a label that is
            not in `classes`.
    """
    entries, notes = _with_pictures(path, read_entries(path))
    names, labels = _labels(path, entries, classes)
    parts: dict[str, PictureSet] = {}
    for split in ("train", "val", "test"):
        chosen = [i for i, entry in enumerate(entries) if (entry.split or "train") == split]
        if chosen:
            files = PathList(entries[i].path for i in chosen)
            parts[split] = PictureSet(split, names, labels[chosen], paths=files)
    if "train" not in parts:
        raise DataError(f"{printable(path)} has no line of split train, only of {', '.join(parts)}")
    for name, count in parts["train"].class_counts().items():
        if count == 0:
            raise DataError(f"{printable(path)}: class {name!r} has no picture in train")
    val, test = parts.get("val"), parts.get("test")
    share = shares.of_test(val is not None, test is not None)
    missing = [split for split in ("val", "test") if split not in parts]
    everything = complete(parts["train"], val, test, shares, f"{printable(path)} names no {' and no '.join(missing)}")
    counts = ", ".join(f"{len(part)} {part.split}" for part in everything)
    notes += [*everything.notes, f"{len(names)} classes: {counts} pictures"]
    kept = {} if test is not None else {"test_fraction": share}
    return Splits(everything.train, everything.val, everything.test, tuple(notes), folders=kept, made=everything.made)


def _with_pictures(path: Path, entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Find the entries' files; return those of pictures, each once, and notes on the others."""
    found: dict[str, Entry] = {}
    missing: list[Entry] = []
    left_out: Counter[str] = Counter()
    for entry, (file, there) in zip(entries, files_of(entries, path), strict=True):
        if not there:
            missing.append(entry)
        elif (ending := os.path.splitext(file)[1].lower()) not in EXTENSIONS:
            left_out[ending or "no ending"] += 1
        else:
            # One picture may be written in several ways: from the list's folder, and from the disk's root.
            before = found.setdefault(os.path.abspath(file), Entry(file, entry.label, entry.split, entry.line))
            if (before.label, before.split) != (entry.label, entry.split):
                raise DataError(
                    f"{printable(path)} lines {before.line} and {entry.line}: {printable(entry.path)} is "
                    f"{_told(before)} and {_told(entry)}; keep one of the lines"
                )
            left_out["named twice"] += before.line != entry.line
    if missing and len(missing) == len(entries) and (by_name := found_by_name(path.parent, entries)):
        listed, notes = _with_pictures(path, by_name)
        return listed, [*notes, f"{printable(path)}: {len(listed)} pictures found by their names below {path.parent}"]
    if missing:
        names = ", ".join(f"line {entry.line}: {printable(entry.path)}" for entry in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise DataError(
            f"{printable(path)}: {len(missing)} of {len(entries)} pictures are not there ({names}{more})\n"
            f"{_remedy(path, missing[0])}"
        )
    if not found:
        raise DataError(f"{printable(path)} names no pictures; they end in {', '.join(sorted(EXTENSIONS))}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(left_out.items()) if count)
    return list(found.values()), [f"{printable(path)}: lines left out: {kinds}"] if kinds else []


def _remedy(path: Path, entry: Entry) -> str:
    _, swapped = next(files_of([replace(entry, path=entry.label)], path))
    if swapped:
        return "are the columns the other way round? a first line says what they are: label,path"
    return f"paths count from {printable(path.parent)}; a first line that names the columns says path,label,split"


def _told(entry: Entry) -> str:
    return entry.label + (f" in {entry.split}" if entry.split else "")


def _labels(
    path: Path, entries: Sequence[Entry], classes: tuple[str, ...] | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names in label order, and int32 labels of the entries."""
    written = {entry.label for entry in entries}
    numbers = all(label.isascii() and label.isdigit() for label in written)
    if classes is None:
        names = check_class_list(tuple(sorted(written, key=_number_first if numbers else None)), str(path))
        place = {name: i for i, name in enumerate(names)}
    else:
        names = classes
        place = {name: i for i, name in enumerate(names)}
        if numbers and not written <= set(names):
            place = {label: int(label) for label in written if int(label) < len(names)}
    for entry in entries:
        if entry.label not in place:
            raise DataError(
                f"{printable(path)} line {entry.line}: label {readable(entry.label)} is not in the class list"
                f"{did_you_mean(entry.label, names)}"
            )
    return names, np.array([place[entry.label] for entry in entries], np.int32)


def _number_first(label: str) -> tuple[int, str]:
    return int(label), label  # `1` and `01` are two labels, always in the same order


def write_list(splits: Splits, target: Path) -> None:
    """Write which picture is in which split, as a list that `load_list` reads back to the same splits.

    Args:
        splits: of pictures in files.
        target: the CSV file; paths count from its folder.

    Raises:
        DataError: pictures in memory or in shards, or a file name that is not UTF-8.
    """
    folder = target.resolve().parent
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    quoting = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(("path", "label", "split"))
    for part in splits:
        if part.paths is None:
            raise DataError("these pictures are in no files of their own: there is no list to write")
        for path, label in zip(part.paths, part.labels.tolist(), strict=True):
            name = Path(os.path.relpath(path.absolute(), folder)).as_posix()
            if problem := encoding_problem(name):
                raise DataError(f"{printable(path)}: the file's name {problem}")
            guarded = f"./{name}" if name.startswith(_FORMULA_SIGNS) or name[0].isspace() else name
            # Python quotes no carriage return, though it reads one as the end of a line.
            (quoting if "\r" in name else writer).writerow((guarded, part.classes[label], part.split))
    write_text(target, stream.getvalue())
