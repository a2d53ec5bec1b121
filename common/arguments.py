"""Numbers on a command line: what argparse should refuse, in words for a user."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a type for argparse: a whole number between limits, in plain digits."""
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
        if not least <= number <= (number if most is None else most):
            raise argparse.ArgumentTypeError(f"{text}: a whole number {limits} is expected")
        return number

    return read


def number_above_zero(text: str) -> float:
    """Be a type for argparse: a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: a number above 0 is expected")
    return number
