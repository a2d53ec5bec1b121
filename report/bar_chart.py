"""Shares as horizontal bars, or as dots on a zoomed axis, with the interval of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from report.formats import percent
from report.markup import element
from report.svg import COLORS, Scale, line, nice_ticks, picture, shorten, text, text_width

WIDTH, ROW, BAR = 420.0, 30.0, 14.0
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


def bar_chart(title: str, bars: Sequence[Bar], *, zoom: bool = False) -> Element | None:
    """Draw shares with the value beside each, its interval as a whisker.

    Args:
        title: what the chart shows; read out by screen readers.
        bars: from top to bottom.
        zoom: dots on an axis that covers the intervals only; else bars, which must start at 0 not to mislead.

    Returns:
        The picture, or None where there is nothing to draw.
    """
    if not bars:
        return None
    left = min(MAX_LABEL, max(text_width(bar.label) for bar in bars)) + 10
    bottom = 6 + ROW * len(bars)
    ticks: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    if zoom:
        ends = [end for bar in bars for end in (bar.value, *bar.dots, *(bar.interval or ()))]
        ticks = nice_ticks(min(ends), max(ends))
    x = Scale(ticks[0], ticks[-1], left, WIDTH - RIGHT)
    chart = picture(WIDTH, bottom + 24, title)
    for tick in ticks:
        chart.append(line(x(tick), 2, x(tick), bottom, "axis" if tick == ticks[0] else "grid"))
        chart.append(text(x(tick), bottom + 16, percent(tick, 0), "tick", "middle"))
    for row, bar in enumerate(bars):
        middle = 6 + ROW * row + ROW / 2 - 3
        chart.append(text(left - 8, middle + 4, shorten(bar.label, MAX_LABEL), "label", "end"))
        chart.extend(_dot(bar, x, middle) if zoom else _bar(bar, x, middle))
        beside = max(x(end) for end in (bar.value, *bar.dots, *(bar.interval or ())))
        chart.append(text(beside + 8, middle + 4, percent(bar.value), "value"))
    return chart


def _bar(bar: Bar, x: Scale, middle: float) -> list[Element]:
    tip = element("title", f"{bar.label}: {percent(bar.value)}")
    style = f"bar c{bar.color % COLORS}{' doubtful' if bar.doubtful else ''}"
    length = max(0.5, x(bar.value) - x.start)
    body = element("rect", tip, x=x.start, y=middle - BAR / 2, width=length, height=BAR, rx=2, class_=style)
    return [body, *_whisker(bar, x, middle, "whisker"), *_seeds(bar, x, middle)]


def _dot(bar: Bar, x: Scale, middle: float) -> list[Element]:
    color = f"c{bar.color % COLORS}"
    tip = element("title", f"{bar.label}: {percent(bar.value)}")
    dot = element("circle", tip, cx=x(bar.value), cy=middle, r=5.5, class_=f"dot {color}")
    return [*_whisker(bar, x, middle, f"interval {color}"), dot, *_seeds(bar, x, middle)]


def _whisker(bar: Bar, x: Scale, middle: float, style: str) -> list[Element]:
    if bar.interval is None:
        return []
    low, high = (x(bound) for bound in bar.interval)
    ends = [line(end, middle - 4, end, middle + 4, style) for end in (low, high)]
    return [line(low, middle, high, middle, style), *ends]


def _seeds(bar: Bar, x: Scale, middle: float) -> list[Element]:
    return [element("circle", cx=x(dot), cy=middle, r=2.5, class_="seed") for dot in bar.dots]
