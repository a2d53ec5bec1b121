"""Horizontal bars of shares, with the interval of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from report.formats import percent
from report.markup import append, element
from report.svg import COLORS, Scale, line, picture, shorten, text, text_width

WIDTH, ROW, BAR = 460.0, 30.0, 14.0
MAX_LABEL, RIGHT = 170.0, 62.0


@dataclass(frozen=True)
class Bar:
    """One share of 0..1.

    Args:
        label: its name.
        value: its length.
        interval: ends of the whisker.
        dots: single values behind the bar's mean.
        color: index of the colour.
        doubtful: drawn hatched: the number is no evidence.
    """

    label: str
    value: float
    interval: tuple[float, float] | None = None
    dots: tuple[float, ...] = ()
    color: int = 0
    doubtful: bool = False


def bar_chart(title: str, bars: Sequence[Bar]) -> Element | None:
    """Draw shares from 0 to 100 %, the value beside each bar, its interval as a whisker.

    Args:
        title: what the chart shows; read out by screen readers.
        bars: from top to bottom.

    Returns:
        The picture, or None where there is nothing to draw.
    """
    if not bars:
        return None
    left = min(MAX_LABEL, max(text_width(bar.label) for bar in bars)) + 10
    bottom = 6 + ROW * len(bars)
    x = Scale(0.0, 1.0, left, WIDTH - RIGHT)
    chart = picture(WIDTH, bottom + 24, title)
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        append(chart, line(x(tick), 2, x(tick), bottom, "grid" if tick else "axis"))
        append(chart, text(x(tick), bottom + 16, percent(tick, 0), "tick", "middle"))
    for row, bar in enumerate(bars):
        append(chart, *_bar(bar, x, 6 + ROW * row + ROW / 2 - 3, left))
    return chart


def _bar(bar: Bar, x: Scale, middle: float, left: float) -> list[Element]:
    top, length = middle - BAR / 2, max(0.5, x(bar.value) - left)
    style = f"bar c{bar.color % COLORS}{' doubtful' if bar.doubtful else ''}"
    drawn = [
        text(left - 8, middle + 4, shorten(bar.label, MAX_LABEL), "label", "end"),
        element(
            "rect",
            element("title", f"{bar.label}: {percent(bar.value)}"),
            x=left, y=top, width=length, height=BAR, rx=2, class_=style,
        ),
    ]  # fmt: skip
    if bar.interval:
        low, high = (x(bound) for bound in bar.interval)
        drawn.append(line(low, middle, high, middle, "whisker"))
        drawn += [line(end, middle - 4, end, middle + 4, "whisker") for end in (low, high)]
    drawn += [element("circle", cx=x(dot), cy=middle, r=2.5, class_="seed") for dot in bar.dots]
    beside = max([x(bar.value), *(x(bound) for bound in bar.interval or ())])
    drawn.append(text(min(beside + 6, WIDTH - RIGHT + 12), middle + 4, percent(bar.value), "value"))
    return drawn
