"""Where in a folder the classes begin, and what to say to somebody who named a folder one level off."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.decode import HEIC_HINT
from common.names import printable
from datazoo.pipeline.decode import EXTENSIONS
from datazoo.sources.missing import no_folder
from datazoo.sources.split_names import SplitName, split_meant_by, sub_folders


def dataset_root(path: Path, names: Sequence[SplitName]) -> tuple[Path, list[str]]:
    """Go down to the folder that holds splits or classes, where a folder holds nothing but it.

    Args:
        path: what was named.
        names: of the splits; a chosen one that is there is where it was chosen.

    Returns:
        The folder, and notes on what was understood.

    Raises:
        DataError: no such folder.
    """
    if not path.is_dir():
        raise no_folder("image_folder", path)
    chosen = [name.name for name in names if name.chosen and name.name not in (None, "", ".")]
    root = path
    while not any((root / str(name)).is_dir() for name in chosen):
        inner = sub_folders(root)
        if len(inner) != 1 or split_meant_by(inner[0]) or pictures_in(root) or not sub_folders(root / inner[0]):
            break
        root = root / inner[0]
    return root, [] if root == path else [f"{printable(path)} holds one folder: taking {printable(root)}"]


def flat_notes(folder: Path) -> list[str]:
    """Say what is odd about a folder whose sub-folders are taken for classes."""
    notes = []
    beside = [name for name in sub_folders(folder.parent) if split_meant_by(name)]
    if split_meant_by(folder.name) and len(beside) > 1:
        notes.append(
            f"{printable(folder)} is taken for a whole data set, but {', '.join(map(printable, beside))} lie side by "
            f"side: --data.path {printable(folder.parent)} takes them all"
        )
    return notes


def level_hint(folder: Path) -> str:
    """Return a further line for a message about a folder without classes or pictures: which folder was meant."""
    if hint := class_called_like_a_split(folder.parent if split_meant_by(folder.name) else folder):
        return hint
    if pictures_in(folder):
        return (
            f"\nit holds pictures itself: one level too deep? try {printable(folder.parent)}; pictures "
            "without class folders take a list of lines path,label"
        )
    if any(pictures_in(folder / name) for name in sub_folders(folder)):
        return f"\nits sub-folders hold pictures: one level too high? try {printable(folder)}"
    if others := other_kinds(entry.name for entry in folder.iterdir() if entry.is_file()):
        return f"\nit holds {others}; pictures end in {', '.join(sorted(EXTENSIONS))}"
    return f"\na folder a class, as my_photos/cats/1.jpg; pictures end in {', '.join(sorted(EXTENSIONS))}"


def other_kinds(names: Iterable[str]) -> str:
    """Count files that are no pictures by their endings, for people: `3 .heic (HEIC, which ...), 1 no extension`."""
    endings = Counter(os.path.splitext(name)[1].lower() for name in names if not name.startswith("."))
    return ", ".join(
        f"{count} {ending or 'no extension'}" + (f" ({HEIC_HINT})" if ending in (".heic", ".heif") else "")
        for ending, count in sorted(endings.items())
    )


def class_called_like_a_split(root: Path) -> str:
    """Return a further line for a message where a folder called like a split holds pictures, as its neighbours do."""
    flat = [name for name in sub_folders(root) if pictures_in(root / name) and not sub_folders(root / name)]
    called = [name for name in flat if split_meant_by(name)]
    if not called or len(called) == len(flat):
        return ""
    return (
        f"\nis {printable(called[0])} a class, as its neighbours in {printable(root)} are? rename it, or say that no "
        "folder is a split: --data.train_split . --data.val_split null --data.test_split null"
    )


def pictures_in(folder: Path) -> int:
    """How many picture files lie in a folder itself."""
    with os.scandir(folder) as entries:
        return sum(
            os.path.splitext(entry.name)[1].lower() in EXTENSIONS and not entry.name.startswith(".")
            for entry in entries
        )
