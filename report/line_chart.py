"""Line charts: several series over one x axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from report.markup import element
from report.svg import COLORS, Scale, line, nice_ticks, picture, text, text_width, tick_text

WIDTH, PLOT_HEIGHT = 420.0, 190.0
LEFT, RIGHT, BOTTOM, LEGEND_ROW = 50.0, 68.0, 40.0, 20.0
MAX_POINTS = 400
MAX_END_LABELS = 5


@dataclass(frozen=True)
class Series:
    """One line; a y of None is a gap.

    Args:
        label: its name in the legend; an empty one is left out of the legend.
        points: (x, y) in rising x.
        color: index of the colour; beyond the palette, colours come back with dashes.
        faint: drawn thin and pale, as background of another series.
        end_label: whether the last value is written at the line's end.
    """

    label: str
    points: tuple[tuple[float, float | None], ...]
    color: int = 0
    faint: bool = False
    end_label: bool = True


@dataclass(frozen=True)
class Band:
    """A named stretch of the x axis."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class YAxis:
    """How the y axis is drawn.

    Args:
        tick: writes a tick.
        value: writes the value at a line's end; as the ticks where None.
        zero: whether the axis starts at 0.
        limit: largest value that it may show, such as 1 for shares.
    """

    tick: Callable[[float], str] = tick_text
    value: Callable[[float], str] | None = None
    zero: bool = False
    limit: float | None = None


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str,
    y_axis: YAxis | None = None,
    x_min: float | None = None,
    x_mark: tuple[float, str] | None = None,
    bands: Sequence[Band] = (),
) -> Element | None:
    """Draw series of points, with ticks, a legend where there are several, and last values at the lines' ends.

    Args:
        title: what the chart shows; read out by screen readers.
        series: the lines.
        x_label: name of the x axis.
        y_axis: the other axis.
        x_min: where the x axis starts; at the first point where None.
        x_mark: (x, text) of a vertical mark.
        bands: stretches of x to shade and name.

    Returns:
        The picture, or None where there is nothing to draw.
    """
    known = [(x, y) for one in series for x, y in one.points if y is not None]
    if not known:
        return None
    y_axis = y_axis or YAxis()
    xs, ys = [x for x, _ in known], [y for _, y in known]
    legend = _legend([one for one in series if one.label], WIDTH - LEFT) if len(series) > 1 else []
    top = 12.0 + LEGEND_ROW * len(legend)
    ticks = nice_ticks(0.0 if y_axis.zero else min(ys), max(ys))
    if y_axis.limit is not None:
        ticks = tuple(tick for tick in ticks if tick <= y_axis.limit) or ticks
    y = Scale(ticks[0], max(ticks[-1], max(ys)), top + PLOT_HEIGHT, top)
    low, high = min(xs) if x_min is None else x_min, max(xs)
    x = Scale(*((low, high) if low < high else (low - 0.5, high + 0.5)), LEFT, WIDTH - RIGHT)

    chart = picture(WIDTH, y.start + BOTTOM, title)
    for row, entries in enumerate(legend):
        chart.extend(part for entry in entries for part in _legend_entry(*entry, 10.0 + LEGEND_ROW * row))
    shades, names = _bands(bands, x, top)
    chart.extend(shades)
    for tick in ticks:
        chart.append(line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "axis" if tick == ticks[0] else "grid"))
        chart.append(text(LEFT - 6, y(tick) + 4, y_axis.tick(tick), "tick", "end"))
    x_ticks = (low,) if low == high else tuple(tick for tick in nice_ticks(low, high) if low <= tick <= high)
    chart.extend(_x_axis(x, y, x_label, x_ticks))
    if x_mark:
        chart.append(line(x(x_mark[0]), y.end, x(x_mark[0]), y.start, "mark"))
    for one in series:
        chart.extend(_curve(one, x, y))
    chart.extend(names)
    if x_mark:
        chart.append(_mark_text(x, y, *x_mark))
    chart.extend(_end_labels(series, x, y, y_axis.value or y_axis.tick))
    return chart


def thin_out(points: Sequence[tuple[float, float | None]], limit: int = MAX_POINTS) -> list[tuple[float, float | None]]:
    """Keep about `limit` points: the lowest and the highest of every stretch, so that spikes stay visible."""
    if len(points) <= limit:
        return list(points)
    stretch = -(-2 * len(points) // limit)
    kept: list[tuple[float, float | None]] = []
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        values = [(value, index) for index, (_, value) in enumerate(part) if value is not None]
        gaps = [index for index, (_, value) in enumerate(part) if value is None]
        chosen = {*(index for _, index in (min(values), max(values))), *gaps[:1]} if values else {0}
        kept += [part[index] for index in sorted(chosen)]
    return kept


def _x_axis(x: Scale, y: Scale, label: str, ticks: Sequence[float]) -> list[Element]:
    drawn = [text(x(tick), y.start + 17, tick_text(tick), "tick", "middle") for tick in ticks]
    drawn.append(text((x.start + x.end) / 2, y.start + 34, label, "label", "middle"))
    return drawn


def _mark_text(x: Scale, y: Scale, value: float, content: str) -> Element:
    late = value > (x.low + x.high) / 2  # a late mark has its text on the left
    return text(x(value) + (-5 if late else 5), y.start - 7, content, "tick over", "end" if late else "start")


def _style(one: Series) -> str:
    dashed = f" dash{min(one.color // COLORS, 3)}" if one.color >= COLORS else ""
    return f"series c{one.color % COLORS}{dashed}{' faint' if one.faint else ''}"


def _curve(one: Series, x: Scale, y: Scale) -> list[Element]:
    pieces: list[list[tuple[float, float]]] = [[]]
    for px, py in thin_out(one.points):
        if py is None:
            pieces.append([])
        else:
            pieces[-1].append((x(px), y(py)))
    drawn = []
    for piece in filter(None, pieces):
        if len(piece) == 1:
            drawn.append(element("circle", cx=piece[0][0], cy=piece[0][1], r=3, class_=_style(one) + " dot"))
        else:
            path = " ".join(f"{px:.1f},{py:.1f}" for px, py in piece)
            drawn.append(element("polyline", element("title", one.label), points=path, class_=_style(one)))
    return drawn


def _end_labels(series: Sequence[Series], x: Scale, y: Scale, value_format: Callable[[float], str]) -> list[Element]:
    ends = []
    for one in series:
        known = [(px, py) for px, py in one.points if py is not None]
        if known and one.end_label and not one.faint:
            ends.append((known[-1], one))
    if len(ends) > MAX_END_LABELS:
        return []
    drawn, last = [], float("-inf")
    for (px, py), one in sorted(ends, key=lambda end: y(end[0][1])):
        drawn.append(element("circle", cx=x(px), cy=y(py), r=3.5, class_=_style(one) + " dot"))
        last = max(y(py) + 4, last + 14)  # labels that would overlap move down
        drawn.append(text(WIDTH - RIGHT + 8, last, value_format(py), "value"))
    return drawn


def _bands(bands: Sequence[Band], x: Scale, top: float) -> tuple[list[Element], list[Element]]:
    """Shades, and the names that stand over the curves."""
    shades, names = [], []
    for index, band in enumerate(bands):
        start, end = max(x(band.start), x.start), min(x(band.end), x.end)
        width = max(0.0, end - start)
        shade = "band" if index % 2 == 0 else "band other"
        shades.append(element("rect", x=start, y=top, width=width, height=PLOT_HEIGHT, class_=shade))
        if text_width(band.label, 11) + 8 <= width:
            names.append(text(start + 4, top + 13, band.label, "tick over"))
    return shades, names


def _legend(series: Sequence[Series], width: float) -> list[list[tuple[Series, float]]]:
    """Series with their x, broken into rows."""
    rows: list[list[tuple[Series, float]]] = []
    place = width
    for one in series:
        needed = 34 + text_width(one.label)
        if not rows or place + needed > width:
            rows.append([])
            place = 0.0
        rows[-1].append((one, LEFT + place))
        place += needed
    return rows


def _legend_entry(one: Series, x: float, y: float) -> list[Element]:
    return [line(x, y, x + 16, y, _style(one)), text(x + 21, y + 4, one.label, "label")]
