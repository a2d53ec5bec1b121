"""Makes the splits that a data set does not bring: seeded, by class, with all pictures of a photo on one side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from datazoo.photos.groups import photo_groups
from datazoo.pictures import PictureSet
from datazoo.sources.holdout import held_places

TEST_FRACTION = 0.2
_TEST_SEED = 0x7E57  # so that test is no function of how val is drawn
_NAMED = 5


@dataclass(frozen=True)
class Shares:
    """How much is held out where a split is missing.

    Args:
        val: share of the pictures.
        test: share of the pictures; 0 makes no test split, None makes one only where val is missing too.
        seed: of both.
        hashed: adds content hashes to pictures in files, where somebody knows or needs them anyway.
        photos: numbers the photos behind pictures, see `photo_groups`.
    """

    val: float = 0.1
    test: float | None = None
    seed: int = 0
    hashed: Callable[[PictureSet], PictureSet] = lambda pictures: pictures
    photos: Callable[[PictureSet], np.ndarray] = photo_groups

    def of_test(self, has_val: bool, has_test: bool) -> float:
        """The share that becomes test: 0 where there is one already, or where there is val and nobody asked."""
        if has_test:
            return 0.0
        if self.test is not None:
            return self.test
        return 0.0 if has_val else TEST_FRACTION


@dataclass(frozen=True)
class Completed:
    """All splits, and what was made; `test` is None where there is none."""

    train: PictureSet
    val: PictureSet
    test: PictureSet | None
    made: tuple[str, ...]
    notes: tuple[str, ...]

    def __iter__(self) -> Iterator[PictureSet]:
        return (part for part in (self.train, self.val, self.test) if part is not None)


def complete(
    train: PictureSet, val: PictureSet | None, test: PictureSet | None, shares: Shares, reason: str
) -> Completed:
    """Hold val and test out of train where they are missing.

    Args:
        train: what is there to train on.
        val: the split that chooses checkpoints, if there is one.
        test: the split that is evaluated once, if there is one.
        shares: how much to hold out.
        reason: why splits are made, for the notes.

    Raises:
        DataError: a class of which nothing can be held out.
    """
    test_share = shares.of_test(val is not None, test is not None)
    wanted = [*(["val"] if val is None else []), *(["test"] if test_share else [])]
    notes: list[str] = []
    if wanted:
        train = shares.hashed(train)
        total, groups = len(train), shares.photos(train)
        photos = len(set(groups.tolist()))
        if test_share:
            keep = 2 if val is None else 1
            rest, held = held_places(train, groups, test_share, shares.seed ^ _TEST_SEED, keep)
            if len(held):
                test, train, groups = train.subset(held, "test"), train.subset(rest), groups[rest]
            else:
                test_share = 0.0
                wanted.remove("test")
                notes.append(f"every class has too few photos to hold any out as test ({photos} photos)")
        if val is None:
            rest, held = held_places(train, groups, min(shares.val / (1 - test_share), 0.9), shares.seed)
            val, train = train.subset(held, "val"), train.subset(rest)
        made = [part for part in (val, test) if part is not None and part.split in wanted]
        if made:
            also = "".join(f" and {len(part)} as {part.split}" for part in made[1:])
            notes.append(
                f"{reason}: {len(made[0])} of {total} train pictures held out as {made[0].split}{also}, by class, "
                f"no photo on two sides ({photos} photos, seed {shares.seed})"
            )
    assert val is not None
    notes += [note for part in (val, test) if part is not None and (note := _absent(part))]
    notes += _alike(train.classes)
    if test is None:
        notes.append("no test split: val chooses the checkpoint, so its score is a validation score and no test score")
    return Completed(train, val, test, tuple(wanted), tuple(notes))


def _absent(part: PictureSet) -> str | None:
    """Say which classes a split has no picture of: too rare to hold any out, or not in a split that was brought."""
    names = [name for name, count in part.class_counts().items() if count == 0]
    if not names:
        return None
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{part.split}: no picture of {', '.join(names[:_NAMED])}{more}, which its scores say nothing about"


def _alike(classes: Sequence[str]) -> list[str]:
    """Say which classes are perhaps one: they differ in case or blanks alone."""
    spellings: dict[str, list[str]] = {}
    for name in classes:
        spellings.setdefault(re.sub(r"[\s_-]+", "_", name).casefold(), []).append(name)
    alike = [" and ".join(names) for names in spellings.values() if len(names) > 1]
    more = f", and {len(alike) - _NAMED} more" if len(alike) > _NAMED else ""
    told = ", ".join(alike[:_NAMED])
    return [f"classes that differ in case or blanks alone, are they one? {told}{more}"] if alike else []
