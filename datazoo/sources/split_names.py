"""Which sub-folder holds which split: `valid` beside `train` is the validation split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import DataError
from common.names import printable
from common.suggest import did_you_mean

TRAIN = "train"
HELD_OUT = ("val", "test")
SPLITS = (TRAIN, *HELD_OUT)
_SPELLINGS = {
    "train": ("train", "training", "训练"),
    "val": ("val", "valid", "validation", "dev", "eval", "验证"),
    "test": ("test", "testing", "测试"),
}
_ENDINGS = r"[ _-]?(?:set|data|split|images|imgs|pictures|photos|\d{4}|集)?"  # train_set, val2017, test-images, 训练集
_PATTERNS = {split: re.compile(f"(?:{'|'.join(names)}){_ENDINGS}") for split, names in _SPELLINGS.items()}
_OF_SYSTEMS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"})
_MOST_SHOWN = 6


@dataclass(frozen=True)
class SplitName:
    """The name of a split's sub-folder as a recipe has it.

    Args:
        split: train, val or test.
        name: of the sub-folder; None where the split is held out of another.
        chosen: whether somebody chose that name, which then has to be there; one that nobody chose is the split's own,
            and is found under its other spellings too.
    """

    split: str
    name: str | None
    chosen: bool


def split_meant_by(folder_name: str) -> str | None:
    """Return train, val or test if a folder's name is one of its spellings, in whatever case."""
    return next((split for split, pattern in _PATTERNS.items() if pattern.fullmatch(folder_name.lower())), None)


def find_split(folder: Path, wanted: SplitName) -> tuple[str | None, tuple[str, ...]]:
    """Find the sub-folder of a split.

    Args:
        folder: the dataset's.
        wanted: the split.

    Returns:
        Its name, or None where there is none and nobody chose one, and notes on what was understood.

    Raises:
        DataError: a chosen name is not there, or there are two spellings to choose from.
    """
    if wanted.name is None:
        return None, ()
    siblings = sub_folders(folder)
    if wanted.chosen:
        # A chosen name may lead further down, as in pictures/train.
        if not wanted.name or not (folder / wanted.name).is_dir():
            raise missing_split(folder, wanted, siblings)
        return wanted.name, ()
    spellings = [name for name in siblings if split_meant_by(name) == wanted.split]
    key = f"data.{wanted.split}_split"
    if wanted.name in spellings:
        others = [name for name in spellings if name != wanted.name]
        notes = (f"{wanted.split}: {folder / wanted.name}, and not {_listed(others)}; {key} chooses",) if others else ()
        return wanted.name, notes
    if len(spellings) > 1:
        raise DataError(
            f"dataset folder {printable(folder)}: {_listed(spellings)} may each be the {wanted.split} split; "
            f"set {key} to one of them"
        )
    if not spellings:
        return None, ()
    return spellings[0], (f"{wanted.split}: no folder {wanted.name}, taking {folder / spellings[0]} for it",)


def missing_split(folder: Path, wanted: SplitName, siblings: Sequence[str]) -> DataError:
    """Say that a split's folder is not there, and what is."""
    name = wanted.name or wanted.split
    found = _listed(siblings) if siblings else "no sub-folders"
    held_out = "" if wanted.split == "train" else f"; null holds {wanted.split} out of train"
    return DataError(
        f"data.{wanted.split}_split: split folder {printable(folder / name)} does not exist; "
        f"{printable(folder)} has {found}{held_out}{did_you_mean(name, siblings)}"
    )


def sub_folders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted, without hidden ones."""
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not is_hidden(entry.name))


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or one that macOS, Windows or a file server keeps for itself."""
    return name.startswith(".") or name in _OF_SYSTEMS


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_MOST_SHOWN])
    return shown + (f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else "")
