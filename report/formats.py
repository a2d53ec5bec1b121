"""Numbers as people read them; None is always "not measured"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.durations import duration
from report.words import Words

NOT_MEASURED = "not measured"


def percent(value: float | None, digits: int = 1) -> str:
    """A share of 0..1 in percent."""
    return NOT_MEASURED if value is None else f"{100 * value:.{digits}f} %"


def interval(bounds: tuple[float, float]) -> str:
    """Two shares of 0..1 as a range in percent."""
    return f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f} %"


def decimal(value: float | None, digits: int = 3) -> str:
    """A number with fixed digits."""
    return NOT_MEASURED if value is None else f"{value:.{digits}f}"


def count(value: float | None) -> str:
    """A whole number with thousands separated."""
    return NOT_MEASURED if value is None else f"{value:,.0f}"


def seconds(value: float | None) -> str:
    """Wall time, in the unit that keeps it short."""
    return NOT_MEASURED if value is None else duration(value)


def size(value: float | None) -> str:
    """Bytes in binary units."""
    if value is None:
        return NOT_MEASURED
    for unit in ("B", "KiB", "MiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.2f} GiB"


def mebibytes(value: float | None) -> str:
    """MiB without decimals."""
    return NOT_MEASURED if value is None else f"{value:,.0f} MiB"


def cpu(value: float | None) -> str:
    """CPU load; 100 is one core."""
    return NOT_MEASURED if value is None else f"{value:.0f} %"


class LocalFormats:
    """These formats in the language of a page."""

    def __init__(self, word: Words) -> None:
        self._word = word
        self.percent, self.decimal, self.count = map(self._local, (percent, decimal, count))
        self.seconds, self.size, self.mebibytes, self.cpu = map(self._local, (seconds, size, mebibytes, cpu))

    def interval(self, bounds: tuple[float, float]) -> str:
        """Two shares of 0..1 as a range in percent."""
        return f"{100 * bounds[0]:.1f} {self._word['to']} {100 * bounds[1]:.1f} %"

    def _local(self, write: Callable[..., str]) -> Callable[..., str]:
        def written(value: float | None, *options: Any) -> str:
            return self._word["not_measured"] if value is None else write(value, *options)

        return written
