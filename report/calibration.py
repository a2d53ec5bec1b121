"""Whether a network is as often right as it is sure.

Source: Guo et al., 2017, "On Calibration of Modern Neural Networks", sections 2 (reliability diagrams, expected
calibration error with equal-width bins).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from common.intervals import wilson_interval
from report.formats import percent
from report.markup import element
from report.predictions import Prediction
from report.svg import Scale, line, picture, text
from report.words import ENGLISH, Words

BINS = 10
SIDE, LEFT, RIGHT, BOTTOM = 260.0, 46.0, 24.0, 38.0


@dataclass(frozen=True)
class Bin:
    """Pictures of about one confidence.

    Args:
        low: least confidence; `high` is not part of it, but for 1.
        high: the next bin's least.
        n: number of pictures.
        correct: how many of them were right.
        confidence: their mean.
    """

    low: float
    high: float
    n: int
    correct: int
    confidence: float

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return self.correct / self.n


def reliability(predictions: Sequence[Prediction], bins: int = BINS) -> list[Bin]:
    """Sort predictions into bins of equal width by confidence; empty bins are left out."""
    members: list[list[Prediction]] = [[] for _ in range(bins)]
    for prediction in predictions:
        members[min(int(prediction.confidence * bins), bins - 1)].append(prediction)
    return [
        Bin(
            index / bins,
            (index + 1) / bins,
            len(inside),
            sum(prediction.is_right for prediction in inside),
            sum(prediction.confidence for prediction in inside) / len(inside),
        )
        for index, inside in enumerate(members)
        if inside
    ]


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Return the mean difference between confidence and accuracy, weighted by the number of pictures."""
    total = sum(one.n for one in bins)
    return sum(one.n * abs(one.accuracy - one.confidence) for one in bins) / total if total else 0.0


def reliability_chart(bins: Sequence[Bin], word: Words = ENGLISH) -> Element | None:
    """Draw accuracy over confidence, with each bin's interval; on the diagonal a network is as right as it is sure."""
    if not bins:
        return None
    x, y = Scale(0, 1, LEFT, LEFT + SIDE), Scale(0, 1, 8 + SIDE, 8)
    width = LEFT + SIDE + RIGHT
    chart = picture(width, SIDE + 8 + BOTTOM, word["calibration_chart"])
    chart.set("style", f"max-width:{width * 1.25:.0f}px")
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        chart.append(line(x(0), y(tick), x(1), y(tick), "axis" if tick == 0 else "grid"))
        chart.append(text(LEFT - 6, y(tick) + 4, percent(tick, 0), "tick", "end"))
        chart.append(text(x(tick), y(0) + 15, percent(tick, 0), "tick", "middle"))
    chart.append(text((x(0) + x(1)) / 2, y(0) + 32, word["confidence"], "axis-title", "middle"))
    chart.append(line(x(0), y(0), x(1), y(1), "mark"))
    for one in bins:
        top = y(one.accuracy)
        bar = element(
            "rect",
            element("title", word["calibration_bar"].format(one.correct, one.n, f"{one.confidence:.0%}")),
            x=x(one.low) + 1, y=top, width=x(one.high) - x(one.low) - 2, height=max(1.0, y(0) - top),
            class_="bar c0", fill_opacity=0.75,
        )  # fmt: skip
        low, high = wilson_interval(one.correct, one.n)
        middle = (x(one.low) + x(one.high)) / 2
        chart.extend((bar, line(middle, y(low), middle, y(high), "whisker")))
    return chart
