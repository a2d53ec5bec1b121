"""What all charts share: nice ticks, the frame of a picture, the width of a text."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from xml.etree.ElementTree import Element

from common.columns import wide_characters
from report.markup import element

COLORS = 8  # series colours that style.css defines
FONT_SIZE = 12
TINY = 1e-300  # below it floats lose digits, and a step between two of them may round to 0


@dataclass(frozen=True)
class Scale:
    """Maps values onto pixels, linearly."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def nice_ticks(low: float, high: float, count: int = 5) -> tuple[float, ...]:
    """Round numbers (1, 2 or 5 times a power of ten) from at most `low` to at least `high`.

    Args:
        low: smallest value to cover.
        high: largest value to cover.
        count: about how many steps.

    Example:
        >>> nice_ticks(0.13, 0.97)
        (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """
    if high - low <= max(1e-9 * max(abs(low), abs(high)), TINY):
        margin = abs(low) / 2 if abs(low) > TINY else 1.0
        # One single value stands in the middle, except that amounts do not go below zero.
        low, high = (0.0 if 0 <= low <= margin else low - margin), high + margin
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return tuple(float(f"{index * step:.12g}") for index in range(first, last + 1))


def tick_text(value: float) -> str:
    """A tick's number, short: 12k instead of 12000, 2e-4 instead of 0.0002."""
    if value == 0:
        return "0"
    if abs(value) >= 10_000:
        return f"{value / 1000:,.10g}k"
    if abs(value) < 1e-3:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:.6g}"


def text_width(text: str, font_size: float = FONT_SIZE) -> float:
    """About how many pixels a text takes; East Asian characters are a full em wide."""
    wide = wide_characters(text)
    return font_size * (wide + 0.58 * (len(text) - wide))


def shorten(text: str, width: float, font_size: float = FONT_SIZE) -> str:
    """Cut a text to a width in pixels, with an ellipsis where something was cut."""
    if text_width(text, font_size) <= width:
        return text
    while text and text_width(text + "…", font_size) > width:
        text = text[:-1]
    return text + "…"


def picture(width: float, height: float, description: str) -> Element:
    """The outer `<svg>`: scales with the page, and says what it shows to those who cannot see it."""
    return element(
        "svg",
        element("title", description),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        class_="chart",
    )


def text(x: float, y: float, content: str, class_: str = "label", anchor: str = "start") -> Element:
    """A line of text; `y` is its baseline."""
    return element("text", content, x=float(x), y=float(y), class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Element:
    """A straight line."""
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)
