"""A confusion matrix as a picture: rows are true classes, columns predictions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import cos, radians, sin
from xml.etree.ElementTree import Element

from common.thumbnails import data_address
from report.confusion_picture import confusion_points
from report.markup import element
from report.svg import line, picture, shorten, text, text_width
from report.words import ENGLISH, Words

MAX_LABEL, GAP, SLANT = 140.0, 1.5, 50.0
MIN_WIDTH = 320.0
MOST_DRAWN = 100  # classes; of more every cell is a point, or the page would be too large and nobody find a name in it
POINTS_SIDE = 640.0


def confusion_matrix(
    classes: Sequence[str],
    counts: Sequence[Sequence[int]],
    linked: Collection[tuple[int, int]] = (),
    word: Words = ENGLISH,
) -> Element:
    """Draw counts; shade is the share of the row, hits in one colour and mistakes in another.

    Args:
        classes: names in label order, as many as rows.
        counts: square; `counts[true][predicted]`.
        linked: cells whose pictures the page shows at `#pair-<true>-<predicted>`; none of a matrix of points.
        word: of the titles.

    Raises:
        ValueError: the names do not fit the counts.
    """
    size = len(counts)
    if len(classes) != size or any(len(row) != size for row in counts):
        raise ValueError(f"{len(classes)} class names for a confusion matrix of {size} rows")
    if size > MOST_DRAWN:
        return _points(counts, word)
    cell = 46.0 if size <= 4 else 34.0 if size <= 12 else 24.0 if size <= 40 else 12.0
    names = [shorten(name, MAX_LABEL) for name in classes]
    longest = max((text_width(name) for name in names), default=0.0)
    left = longest + 32
    top = longest * sin(radians(SLANT)) + 34
    side = cell * size
    # The last slanted name leans out over the right edge.
    width = max(MIN_WIDTH, left + side + longest * cos(radians(SLANT)) + 8)
    chart = picture(width, top + side + 6, word["confusion_chart"])
    chart.set("style", f"max-width:{width * 1.25:.0f}px;min-width:{min(width, size * 20.0 + longest):.0f}px")
    chart.append(text(left + side / 2, 12, word["predicted"], "axis-title", "middle"))
    side_title = text(0, 0, word["true"], "axis-title", "middle")
    side_title.set("transform", f"translate(11 {top + side / 2:.1f}) rotate(-90)")
    chart.extend((side_title, element("rect", x=left, y=top, width=side, height=side, class_="ground")))
    for row, name in enumerate(names):
        middle = top + cell * (row + 0.5)
        slanted = text(0, 0, name, "label")
        slanted.set("transform", f"translate({left + cell * (row + 0.5) + 3:.1f} {top - 6:.1f}) rotate(-{SLANT:g})")
        chart.extend((text(left - 7, middle + 4, name, "label", "end"), slanted))
        if row:
            chart.append(line(left, top + cell * row, left + side, top + cell * row, "grid"))
            chart.append(line(left + cell * row, top, left + cell * row, top + side, "grid"))
    for row, values in enumerate(counts):
        for column, count in enumerate(values):
            if count:
                share = count / sum(values)
                place = (left + cell * column, top + cell * row)
                tip = word["cell"].format(f"{classes[row]} → {classes[column]}", count, f"{share:.0%}")
                drawn = _cell(count, share, place, cell, row == column, tip)
                chart.append(_linked(drawn, f"#pair-{row}-{column}" if (row, column) in linked else None))
    return chart


def _points(counts: Sequence[Sequence[int]], word: Words) -> Element:
    """A point for every cell, without names and numbers."""
    left, top = 32.0, 28.0
    chart = picture(left + POINTS_SIDE + 2, top + POINTS_SIDE + 2, word["confusion_chart"])
    chart.set("class", "chart points")
    chart.set("style", f"max-width:{1.4 * POINTS_SIDE:.0f}px")
    chart.append(text(left + POINTS_SIDE / 2, 19, word["predicted"], "axis-title", "middle"))
    side_title = text(0, 0, word["true"], "axis-title", "middle")
    side_title.set("transform", f"translate(22 {top + POINTS_SIDE / 2:.1f}) rotate(-90)")
    ground = element("rect", x=left, y=top, width=POINTS_SIDE, height=POINTS_SIDE, class_="ground")
    points = element("image", x=left, y=top, width=POINTS_SIDE, height=POINTS_SIDE, style="image-rendering:pixelated")
    points.set("href", data_address(confusion_points(counts), "image/png"))
    chart.extend((side_title, ground, points))
    return chart


def _linked(drawn: list[Element], target: str | None) -> Element:
    group = element("g") if target is None else element("a", href=target)
    group.extend(drawn)
    return group


def _cell(
    count: int, share: float, place: tuple[float, float], cell: float, hit: bool, description: str
) -> list[Element]:
    x, y = place
    inner = cell - 2 * GAP
    drawn = [
        element(
            "rect",
            element("title", description),
            x=x + GAP, y=y + GAP, width=inner, height=inner, rx=2,
            class_="hit" if hit else "miss", fill_opacity=0.15 + 0.85 * share,
        )
    ]  # fmt: skip
    if cell >= 20:
        size = min(12.0, 1.7 * inner / max(2, len(str(count))))
        number = text(x + cell / 2, y + cell / 2 + size * 0.36, str(count), "number", "middle")
        number.set("style", f"font-size:{size:.1f}px")
        drawn.append(number)
    return drawn
