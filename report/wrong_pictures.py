"""The pictures that a network got wrong, to be looked at: the surest first, and by pair of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import ReportError
from report.kept_pictures import NONE_KEPT, KeptPictures, Look
from report.predictions import Prediction

SUREST, PAIRS, A_PAIR = 18, 12, 6
"""Thumbnails of the surest mistakes, pairs of classes that are shown, and thumbnails of each."""


@dataclass(frozen=True)
class ChosenPair:
    """Mistakes of one class for another one: how many there are, and the surest of them."""

    label: str
    predicted: str
    count: int
    pictures: tuple[Prediction, ...]


@dataclass(frozen=True)
class Choice:
    """Which of `count` mistakes a page shows: the surest of all, and those of the most frequent pairs of classes."""

    count: int
    surest: tuple[Prediction, ...]
    pairs: tuple[ChosenPair, ...]

    @property
    def pictures(self) -> tuple[Prediction, ...]:
        """Every chosen picture once."""
        of_pairs = (prediction for pair in self.pairs for prediction in pair.pictures)
        return tuple(dict.fromkeys((*self.surest, *of_pairs)))


def choose(predictions: Collection[Prediction]) -> Choice:
    """Choose the mistakes of a whole split that are shown."""
    wrong = sorted((p for p in predictions if not p.is_right), key=lambda p: (-p.confidence, p.path))
    counts = Counter((p.label, p.predicted) for p in wrong)
    frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:PAIRS]
    pairs = [
        ChosenPair(*pair, count, tuple([p for p in wrong if (p.label, p.predicted) == pair][:A_PAIR]))
        for pair, count in frequent
    ]
    return Choice(len(wrong), tuple(wrong[:SUREST]), tuple(pairs))


@dataclass(frozen=True)
class WrongPicture:
    """One mistake, its file's name, and what there is to see of it."""

    prediction: Prediction
    name: str
    look: Look


@dataclass(frozen=True)
class WrongPair:
    """Pictures of one class that were taken for another one.

    Args:
        cell: row and column of the confusion matrix, which links here.
        label: the true class.
        predicted: what they were taken for.
        count: how many there are; the surest are in `pictures`.
        pictures: some of them.
    """

    cell: tuple[int, int]
    label: str
    predicted: str
    count: int
    pictures: tuple[WrongPicture, ...]

    @property
    def id(self) -> str:
        """The address within the page."""
        return f"pair-{self.cell[0]}-{self.cell[1]}"


@dataclass(frozen=True)
class WrongPictures:
    """All mistakes of a split that a page shows."""

    count: int
    surest: tuple[WrongPicture, ...]
    pairs: tuple[WrongPair, ...]

    @property
    def unreadable(self) -> int:
        """How many of the surest could not be read, as where the data set was moved."""
        return sum(wrong.look.image is None for wrong in self.surest)


def wrong_pictures(
    predictions: Sequence[Prediction], classes: Sequence[str], kept: KeptPictures = NONE_KEPT
) -> WrongPictures:
    """Choose what to show, and make its thumbnails.

    Args:
        predictions: of a whole split.
        classes: names in label order.
        kept: what the run kept of them; a picture that is not among it is opened where it was.

    Raises:
        ReportError: a prediction names a class that is not among them.
    """
    strangers = {name for p in predictions for name in (p.label, p.predicted)} - set(classes)
    if strangers:
        raise ReportError(f"predictions name classes that the run does not know: {', '.join(sorted(strangers)[:3])}")
    choice, places = choose(predictions), {name: place for place, name in enumerate(classes)}
    shown = {p: WrongPicture(p, Path(p.path).name, kept.look(p.path)) for p in choice.pictures}
    pairs = [
        WrongPair(
            (places[pair.label], places[pair.predicted]),
            pair.label,
            pair.predicted,
            pair.count,
            tuple(shown[p] for p in pair.pictures),
        )
        for pair in choice.pairs
    ]
    return WrongPictures(choice.count, tuple(shown[p] for p in choice.surest), tuple(pairs))
