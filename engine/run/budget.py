"""What a time budget is spent on: forecasts, which method is begun with how many epochs, and which one is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.durations import duration
from common.intervals import paired_interval

SMALLEST_SHARE = 0.5
"""Of a recipe's epochs that must fit: with fewer it is another recipe, which nobody has measured."""

SURE_BELOW = 0.05
"""One-sided p-value below which a dearer method is taken for better than a cheaper one."""


class LeftOut(Exception):
    """A method that is not begun, or brought nothing: why, in the words of its line.

    Args:
        reason: the words.
        forecast: seconds that it would have taken, and
        left: seconds that were left, where that is the reason.
    """

    def __init__(self, reason: str, forecast: float | None = None, left: float | None = None) -> None:
        super().__init__(reason)
        self.forecast = forecast
        self.left = left


@dataclass(frozen=True)
class Forecast:
    """What a method will take, by what was measured.

    Args:
        fixed: seconds before and after its epochs.
        epoch: seconds an epoch, with the evaluation behind it.
        epochs: the recipe's number of epochs.
    """

    fixed: float
    epoch: float = 0.0
    epochs: int = 0

    @property
    def seconds(self) -> float:
        """With all epochs."""
        return self.fixed + self.epochs * self.epoch

    @property
    def least(self) -> float:
        """With as few epochs as may be."""
        return self.fixed + math.ceil(SMALLEST_SHARE * self.epochs) * self.epoch

    def fitting_epochs(self, left: float) -> int | None:
        """How many of its epochs fit into `left` seconds; None where that is too few, or nothing fits."""
        if self.least > left:
            return None
        if self.seconds <= left:
            return self.epochs
        return int((left - self.fixed) / self.epoch)

    def line(self, left: float) -> str:
        """Say what is decided where `left` seconds are left."""
        epochs = self.fitting_epochs(left)
        takes = f"forecast {duration(self.seconds)} of {duration(max(0.0, left))} left"
        if epochs is None:
            return f"{takes}: left out"
        return f"{takes}: begun" + ("" if epochs == self.epochs else f" with {epochs} of {self.epochs} epochs")


@dataclass(frozen=True)
class Difference:
    """Two methods on the same validation pictures.

    Args:
        better: photos of which the later method got more pictures right.
        worse: photos of which it got fewer right.
        top1: difference of the accuracies.
        interval: 95 % interval of that difference, over photos.
        p_value: how often chance makes as many photos better if neither method is; one-sided, exact.
    """

    better: int
    worse: int
    top1: float
    interval: tuple[float, float]
    p_value: float

    @property
    def is_sure(self) -> bool:
        """Whether the later method is taken for better."""
        return self.p_value < SURE_BELOW


def compare_on_photos(later: np.ndarray, before: np.ndarray, photos: np.ndarray) -> Difference:
    """Hold a method against another one, photo by photo: McNemar's exact test, where a photo counts once.

    Args:
        later: bool (N,), whether the method got each picture right.
        before: the same of the other method.
        photos: (N,), each picture's photo, from 0.

    Source: McNemar, 1947, "Note on the sampling error of the difference between correlated proportions".
    """
    from scipy.stats import binomtest  # here: it takes a second to load

    by_photo = np.rint(np.bincount(photos, later.astype(float) - before.astype(float))).astype(int)
    better, worse = int((by_photo > 0).sum()), int((by_photo < 0).sum())
    p_value = float(binomtest(better, better + worse, alternative="greater").pvalue) if better + worse else 1.0
    top1 = float(by_photo.sum()) / len(later)
    return Difference(better, worse, top1, paired_interval(by_photo.tolist(), len(later)), p_value)


def choose(right: Sequence[np.ndarray], photos: np.ndarray) -> int:
    """Which method is kept: the first, unless a later one is surely better than the one kept so far.

    Args:
        right: by method, the cheapest first: bool (N,), whether each validation picture was right.
        photos: (N,), each picture's photo.
    """
    kept = 0
    for number in range(1, len(right)):
        if compare_on_photos(right[number], right[kept], photos).is_sure:
            kept = number
    return kept
