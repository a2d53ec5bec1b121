"""Columns of text on a terminal, where Chinese, Japanese and Korean characters take two cells."""

from __future__ import annotations

import unicodedata


def wide_characters(text: str) -> int:
    """How many characters of a text are twice as wide as a Latin letter (Unicode Standard Annex 11)."""
    return sum(unicodedata.east_asian_width(character) in "WF" for character in text)


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return len(text) + wide_characters(text)


def padded(text: str, width: int) -> str:
    """Fill a text up with blanks to `width` cells."""
    return text + " " * (width - cells(text))
