"""What is wrong with a data set: every problem, by kind, with the pictures it is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from datazoo.doctor.examination import Examination
from datazoo.doctor.inventory import WHOLE, Inventory, Item, shown
from datazoo.photos.groups import exact_pairs, joined
from datazoo.photos.near_copies import near_copies
from datazoo.sources.split_names import HELD_OUT, split_meant_by

# In the order of the report. Problems keep a data set from passing; the others are for the eye.
PROBLEMS = ("refused", "broken", "leak", "other_label", "empty_class", "other_classes")
REMARKS = (
    "unscored_class", "near_leak", "near_label", "copy", "near_copy",
    "rotated", "tiny", "huge", "animated", "gray", "cmyk", "ending", "stray",
)  # fmt: skip
KINDS = PROBLEMS + REMARKS


@dataclass(frozen=True)
class Entry:
    """One case: places of its pictures in the inventory, and what was seen."""

    pictures: tuple[int, ...]
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """All cases of a kind; `count` is how many pictures are too many or odd."""

    kind: str
    entries: tuple[Entry, ...]
    count: int

    @property
    def is_problem(self) -> bool:
        """Whether the data set does not pass with it."""
        return self.kind in PROBLEMS


def find_problems(inventory: Inventory, examined: Sequence[Examination]) -> list[Finding]:
    """Find everything that is wrong.

    Args:
        inventory: the data set.
        examined: its items, in their order.

    Returns:
        One finding for each kind that there is, in the order of `KINDS`.
    """
    items = inventory.items
    cases: dict[str, list[Entry]] = {kind: [] for kind in KINDS}
    for index, examination in enumerate(examined):
        if examination.broken is not None:
            cases["broken"].append(Entry((index,), examination.broken))
        for kind, seen in examination.oddities.items():
            cases[kind].append(Entry((index,), seen))
    _add_copies(cases, items, examined)
    _add_near_copies(cases, items, examined)
    cases["empty_class"] = [
        Entry((), f"{split}/{label}" if split != WHOLE else label)
        for split, label in inventory.empty
        if not _is_held_out(split)
    ]
    cases["stray"] = [Entry((), f"{shown(path, inventory.root)} ({why})") for path, why in inventory.stray]
    cases["other_classes"], cases["unscored_class"] = _class_differences(inventory)
    return [Finding(kind, tuple(entries), _count(kind, entries, items)) for kind, entries in cases.items() if entries]


def copy_groups(examined: Sequence[Examination]) -> list[tuple[int, ...]]:
    """Places of byte-identical files, groups of two and more; files that cannot be read have no copies."""
    hashes = [e.digest or str(i).encode() for i, e in enumerate(examined)]
    return _groups(joined(len(hashes), exact_pairs(hashes)).tolist())


def _leaked(group: Iterable[int], items: Sequence[Item]) -> tuple[int, ...]:
    """Of a photo's pictures, those outside the first split that it is in: train's stay where they are."""
    places = tuple(group)
    first = min(items[i].rank for i in places)
    return tuple(i for i in places if items[i].rank > first)


def _add_copies(cases: dict[str, list[Entry]], items: Sequence[Item], examined: Sequence[Examination]) -> None:
    for group in copy_groups(examined):
        if len({items[i].label for i in group}) > 1:
            cases["other_label"].append(Entry(group))
        if len({items[i].split for i in group}) > 1:
            cases["leak"].append(Entry(group))
        for split in dict.fromkeys(items[i].split for i in group):
            within = tuple(i for i in group if items[i].split == split)
            cases["copy"] += [Entry(within)] if len(within) > 1 else []


def _add_near_copies(cases: dict[str, list[Entry]], items: Sequence[Item], examined: Sequence[Examination]) -> None:
    pairs = near_copies([e.look for e in examined])
    changed = {place for pair in pairs if pair.changed for place in (pair.first, pair.second)}
    for photo in _groups(joined(len(items), [(pair.first, pair.second) for pair in pairs]).tolist()):
        # Exact copies have been told: here, one of those with the same split and label stands for all.
        first: dict[tuple[bytes, str, str], int] = {}
        for i in photo:
            first.setdefault((examined[i].digest, items[i].split, items[i].label), i)
        different = tuple(first.values())
        if len({examined[i].digest for i in different}) < 2:
            continue
        entry = Entry(different, "mirrored_or_turned" if changed & set(different) else "")
        across = len({items[i].split for i in different}) > 1
        labels = len({items[i].label for i in different}) > 1
        cases["near_leak" if across else "near_label" if labels else "near_copy"].append(entry)


def _class_differences(inventory: Inventory) -> tuple[list[Entry], list[Entry]]:
    """What train lacks and another split has, and what the others have no picture of, an entry for each split."""
    everywhere = sorted(set().union(*map(set, inventory.classes.values()))) if inventory.classes else []
    of_train: list[Entry] = []
    of_others: list[Entry] = []
    for split, names in inventory.classes.items():
        there = {name for name in names if not _is_held_out(split) or (split, name) not in inventory.empty}
        if split_meant_by(split) is not None and (lacking := [name for name in everywhere if name not in there]):
            entries = of_others if _is_held_out(split) else of_train
            entries.append(Entry((), f"{split}: {', '.join(lacking)}"))
    return of_train, of_others


def _is_held_out(split: str) -> bool:
    return split_meant_by(split) in HELD_OUT


def _groups(numbers: Sequence[int]) -> list[tuple[int, ...]]:
    members: dict[int, list[int]] = {}
    for index, number in enumerate(numbers):
        members.setdefault(number, []).append(index)
    return [tuple(group) for group in members.values() if len(group) > 1]


def _count(kind: str, entries: Sequence[Entry], items: Sequence[Item]) -> int:
    if kind in ("leak", "near_leak"):
        return sum(len(_leaked(entry.pictures, items)) for entry in entries)
    if kind == "copy":
        return sum(len(entry.pictures) - 1 for entry in entries)
    return sum(len(entry.pictures) or 1 for entry in entries)
