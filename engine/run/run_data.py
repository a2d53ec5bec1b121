"""What a run is trained on, kept in its data.json and held against every later use."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.errors import RunError
from common.files import write_json
from datazoo.pictures import DataFinding, PictureSet, Splits

logger = logging.getLogger(__name__)

_UNREAD = "unread:"
_SHOWN = 8  # class names in a message


@dataclass(frozen=True)
class SplitData:
    """One split: number of pictures, SHA-256 of the file names with their labels, SHA-256 of what is in them too.

    Where nothing was opened (data.check off), the last is `unread:` and a SHA-256 over sizes and times of change.
    """

    n: int
    files: str
    content: str

    @classmethod
    def of(cls, pictures: PictureSet) -> SplitData:
        """Describe a split; its pictures' bytes were read by the check for copies."""
        kind = _UNREAD if pictures.unread else ""
        return cls(len(pictures), pictures.file_list_hash(), kind + pictures.fingerprint())

    def difference(self, now: SplitData) -> str | None:
        """Say how another split differs from this one, or None."""
        if self == now:
            return None
        if self.n != now.n:
            return f"was {self.n} pictures, now {now.n}"
        if self.files != now.files:
            return f"other files or labels (as many as before, {now.n})"
        if self.content.startswith(_UNREAD) != now.content.startswith(_UNREAD):
            return None  # nothing was opened on one side: names and labels are all there is to compare
        if now.content.startswith(_UNREAD):
            return "files of the same names have other sizes or times of change"
        return "files of the same names hold other pictures"


@dataclass(frozen=True)
class RunData:
    """Class names in label order, the splits by name, and what was found wrong with them, which nothing compares."""

    classes: tuple[str, ...]
    splits: Mapping[str, SplitData]
    findings: tuple[DataFinding, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, splits: Splits) -> RunData:
        """Describe the pictures of a recipe."""
        return cls(splits.train.classes, {part.split: SplitData.of(part) for part in splits}, splits.findings)

    def changes(self, now: RunData) -> dict[str, str]:
        """Say, by split, how other data differ from these."""
        changes = {}
        for name, split in now.splits.items():
            before = self.splits.get(name)
            if (change := "was not known" if before is None else before.difference(split)) is not None:
                changes[name] = change
        return changes

    def write(self, path: Path) -> None:
        """Write data.json."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> RunData | None:
        """Read data.json; None, with a line, where an older version wrote none or it is damaged."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            splits = {str(name): _split(split) for name, split in values["splits"].items()}
            return cls(_names(values["classes"]), splits)
        except FileNotFoundError:
            logger.info("%s is missing: only the class names are compared with the run's, not the files", path)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            logger.warning("%s is not readable (%s): only the class names are compared", path, error)
        return None


def read_classes(path: Path) -> tuple[str, ...] | None:
    """Read classes.json; None, with a line, where it is missing or damaged."""
    try:
        return _names(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        logger.warning("%s is not readable (%s): written anew", path, error)
        return None


def check_same_classes(what: str, was: tuple[str, ...], now: tuple[str, ...]) -> None:
    """Refuse other classes than a network was trained on, or the same in another label order.

    Args:
        what: whose classes they were.
        was: the names that it knows, in label order.
        now: the data's.

    Raises:
        RunError: they differ; nothing can force this, since every label would mean something else.
    """
    if was == now:
        return
    if sorted(was) == sorted(now):
        kind, remedy = "another label order", "give the old order with --data.classes"
    elif len(was) != len(now):
        kind, remedy = f"{len(now)} classes, were {len(was)}", "bring back the old class folders, or start a new run"
    else:
        kind, remedy = "other class names", "name the class folders as they were, or start a new run"
    raise RunError(f"{what}: {kind}: classes {_change(was, now)}\n{remedy}")


def check_same_files(run: Path, was: RunData, now: RunData, force: bool) -> None:
    """Refuse other training or validation pictures than a run was started with; other test pictures are only told.

    Args:
        run: the run's folder.
        was: what its data.json says.
        now: the data of this start.
        force: go on all the same, and say what differs.

    Raises:
        RunError: they differ, without `force`.
    """
    changes = was.changes(now)
    lines = "; ".join(f"{name}: {change}" for name, change in changes.items())
    if not changes:
        return
    if force or set(changes) == {"test"}:
        logger.warning("run %s goes on with other pictures: %s", run, lines)
        return
    raise RunError(
        f"resume {run}: the pictures are not those that the run was started with\n{lines}\n"
        "bring them back, start a new run, or add --resume_force to go on with these"
    )


def _change(was: tuple[str, ...], now: tuple[str, ...]) -> str:
    if max(len(was), len(now)) <= _SHOWN:
        return f"was {', '.join(was)}; now {', '.join(now)}"
    place = next((i for i, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now)))
    before, after = (names[place] if place < len(names) else "nothing" for names in (was, now))
    return f"first at label {place}: was {before}, now {after}"


def _names(value: Any) -> tuple[str, ...]:
    if not (isinstance(value, list) and value and all(isinstance(name, str) for name in value)):
        raise ValueError("a list of class names was expected")
    return tuple(value)


def _split(value: Any) -> SplitData:
    split = SplitData(**value)
    if not (isinstance(split.n, int) and isinstance(split.files, str) and isinstance(split.content, str)):
        raise ValueError("a split's n, files and content were expected")
    return split
