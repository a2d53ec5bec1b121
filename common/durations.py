"""Wall time as people say it."""

from __future__ import annotations

import re

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def duration(seconds: float) -> str:
    """Return seconds in the unit that keeps them short: 4.2 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if seconds < 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def seconds_of(text: str) -> float:
    """Read a duration as people type it, 90s, 5m or 1.5h, and return its seconds.

    Raises:
        ValueError: it is none, or not above 0.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh])", text)
    if match is None or not (seconds := float(match[1]) * _SECONDS[match[2]]):
        raise ValueError(f"a time above 0 such as 90s, 5m or 2h was expected, not {text!r}")
    return seconds


def short_duration(seconds: float) -> str:
    """Write a duration in one unit, as `seconds_of` reads it and a file may be called: 90s, 5m, 2h."""
    unit = next(unit for unit in ("h", "m", "s") if unit == "s" or seconds % _SECONDS[unit] == 0)
    return f"{seconds / _SECONDS[unit]:g}{unit}"
