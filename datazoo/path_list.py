"""Many paths in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import overload


class PathList(Sequence[Path]):
    """Paths that are kept as texts; a Path takes four times the memory, and is made when it is asked for.

    Args:
        texts: of the paths, each as `str(Path(...))` has it.

    Example:
        >>> PathList(["a/1.jpg", "a/2.jpg"])[1].name
        '2.jpg'
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(texts)

    @classmethod
    def of(cls, paths: Sequence[Path]) -> PathList:
        """Return the paths as such a list."""
        return paths if isinstance(paths, PathList) else cls(map(str, paths))

    def chosen(self, places: Iterable[int]) -> PathList:
        """Return the paths at some places, in that order."""
        return PathList(self.texts[place] for place in places)

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> PathList: ...

    def __getitem__(self, index: int | slice) -> Path | PathList:
        return PathList(self.texts[index]) if isinstance(index, slice) else Path(self.texts[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PathList) and self.texts == other.texts

    def __hash__(self) -> int:
        return hash(self.texts)

    def __repr__(self) -> str:
        return f"PathList({list(self.texts)!r})"
