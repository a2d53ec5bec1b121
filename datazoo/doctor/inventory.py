"""What lies in a data set, as it is: nothing is refused, so that everything wrong with it can be told at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import DataError
from common.names import printable
from datazoo.pipeline.decode import EXTENSIONS
from datazoo.sources.archive import inside, is_archive, no_data_file, unpack
from datazoo.sources.dataset_root import dataset_root
from datazoo.sources.list_file import LIST_ENDINGS, read_entries
from datazoo.sources.listed_files import files_of
from datazoo.sources.shards import holds_shards, is_glob
from datazoo.sources.split_names import SPLITS, split_meant_by, sub_folders

WHOLE = "all"  # the split of a data set that has none
MANIFEST = "manifest.csv"  # what --fix writes beside the class folders


@dataclass(frozen=True)
class Item:
    """One picture file: where it is, its split as the data set names it, and its class."""

    path: Path
    split: str
    label: str

    @property
    def rank(self) -> int:
        """Order of the splits: train, val, test, then whatever else there is."""
        meant = split_meant_by(self.split)
        return SPLITS.index(meant) if meant else len(SPLITS)


@dataclass(frozen=True)
class Inventory:
    """Everything in a data set.

    Args:
        root: its folder.
        items: the pictures, by split, class and name.
        classes: by split, the class names.
        empty: (split, class) of class folders without pictures.
        stray: files and folders that are no pictures or lie in no class, each with the reason.
        notes: what was understood, one line each.
        has_split_folders: whether the splits are folders of `root`.
    """

    root: Path
    items: tuple[Item, ...]
    classes: dict[str, tuple[str, ...]]
    empty: tuple[tuple[str, str], ...] = ()
    stray: tuple[tuple[Path, str], ...] = ()
    notes: tuple[str, ...] = ()
    has_split_folders: bool = False


@dataclass
class _Found:
    items: list[Item] = field(default_factory=list)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    empty: list[tuple[str, str]] = field(default_factory=list)
    stray: list[tuple[Path, str]] = field(default_factory=list)


def take_inventory(path: Path, archive_dir: Path) -> Inventory:
    """List what a folder, a list or an archive holds.

    Args:
        path: of any shape that `data.path` takes.
        archive_dir: folder that an archive is unpacked in.

    Raises:
        DataError: nothing is there, there are shards, or a list or archive cannot be read.
    """
    if is_glob(path) or holds_shards(path, ()):
        raise DataError(
            f"{printable(path)} holds shards: the doctor looks at files; a start names pictures in shards that are bad"
        )
    if path.is_file() and is_archive(path):
        path = inside(unpack(path, archive_dir))
    if path.is_file() and path.suffix.lower() not in LIST_ENDINGS:
        raise no_data_file(path)
    return _of_list(path) if path.is_file() else _of_folder(path)


def _of_list(path: Path) -> Inventory:
    found = _Found()
    entries = read_entries(path)
    for entry, (file, _) in zip(entries, files_of(entries, path), strict=True):
        item = Item(Path(file), entry.split or WHOLE, entry.label)
        if item.path.suffix.lower() in EXTENSIONS:
            found.items.append(item)
        else:
            found.stray.append((item.path, "not a picture's ending"))
    found.items = list(dict.fromkeys(found.items))  # a line twice is no copy
    found.items.sort(key=lambda item: (item.rank, item.split, item.label, str(item.path)))
    for split in dict.fromkeys(item.split for item in found.items):
        found.classes[split] = tuple(sorted({item.label for item in found.items if item.split == split}))
    return _inventory(path.parent, found)


def _of_folder(path: Path) -> Inventory:
    root, notes = dataset_root(path, ())
    found = _Found()
    names = sub_folders(root)
    splits = [name for name in names if split_meant_by(name)]
    if any(split_meant_by(name) == "train" for name in splits) or len(splits) == len(names) > 0:
        for name in sorted(names, key=lambda name: (Item(root, name, "").rank, name)):
            _walk_split(root / name, name, found)
        found.stray += [(entry, "in no class folder") for entry in _files(root)]
    else:
        _walk_split(root, WHOLE, found)
    return _inventory(root, found, tuple(notes), WHOLE not in found.classes)


def _walk_split(folder: Path, split: str, found: _Found) -> None:
    labels = {name: unicodedata.normalize("NFC", name) for name in sub_folders(folder)}
    found.classes[split] = tuple(dict.fromkeys(labels.values()))
    found.stray += [(entry, "in no class folder") for entry in _files(folder)]
    for name, label in labels.items():
        before = len(found.items)
        for entry in sorted((folder / name).iterdir()):
            if entry.is_dir():
                found.stray.append((entry, "a folder inside a class folder"))
            elif entry.suffix.lower() in EXTENSIONS and not entry.name.startswith("."):
                found.items.append(Item(entry, split, label))
            else:
                found.stray.append((entry, "hidden" if entry.name.startswith(".") else "not a picture's ending"))
        if len(found.items) == before:
            found.empty.append((split, label))


def _files(folder: Path) -> Iterator[Path]:
    return (entry for entry in sorted(folder.iterdir()) if not entry.is_dir() and entry.name != MANIFEST)


def _inventory(root: Path, found: _Found, notes: tuple[str, ...] = (), has_split_folders: bool = False) -> Inventory:
    empty, stray = tuple(found.empty), tuple(found.stray)
    return Inventory(root, tuple(found.items), found.classes, empty, stray, notes, has_split_folders)


def shown(path: Path, root: Path) -> str:
    """A path as people read it: from the data set's folder if it lies there, hidden characters as escapes."""
    return printable(path.relative_to(root) if path.is_relative_to(root) else path)
