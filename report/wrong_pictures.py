"""The pictures that a network got wrong, to be looked at: the surest first, and by pair of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from common.errors import ReportError
from common.pages import THUMBNAIL_SIDE, thumbnail_address
from report.predictions import Prediction

SUREST, PAIRS, A_PAIR = 18, 12, 6
"""Thumbnails of the surest mistakes, pairs of classes that are shown, and thumbnails of each."""


@dataclass(frozen=True)
class WrongPicture:
    """One mistake; `image` is a data address, None where the file cannot be read any more."""

    prediction: Prediction
    name: str
    image: str | None


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
        return sum(wrong.image is None for wrong in self.surest)


def wrong_pictures(predictions: Sequence[Prediction], classes: Sequence[str]) -> WrongPictures:
    """Choose what to show, and make its thumbnails.

    Args:
        predictions: of a whole split.
        classes: names in label order.

    Raises:
        ReportError: a prediction names a class that is not among them.
    """
    strangers = {name for p in predictions for name in (p.label, p.predicted)} - set(classes)
    if strangers:
        raise ReportError(f"predictions name classes that the run does not know: {', '.join(sorted(strangers)[:3])}")
    wrong = sorted((p for p in predictions if not p.is_right), key=lambda p: (-p.confidence, p.path))
    counts = Counter((p.label, p.predicted) for p in wrong)
    places, pairs = {name: place for place, name in enumerate(classes)}, []
    for (label, predicted), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:PAIRS]:
        members = [p for p in wrong if (p.label, p.predicted) == (label, predicted)][:A_PAIR]
        cell = (places[label], places[predicted])
        pairs.append(WrongPair(cell, label, predicted, count, _shown(members)))
    return WrongPictures(len(wrong), _shown(wrong[:SUREST]), tuple(pairs))


def _shown(predictions: Sequence[Prediction]) -> tuple[WrongPicture, ...]:
    return tuple(WrongPicture(p, Path(p.path).name, thumbnail(Path(p.path))) for p in predictions)


def thumbnail(path: Path) -> str | None:
    """Return a small picture as an address that holds it; None where the file is no picture that can be read."""
    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
            return thumbnail_address(ImageOps.exif_transpose(image).convert("RGB"))
    except Exception:  # whatever is wrong with a file, the page says that it cannot be shown
        return None
