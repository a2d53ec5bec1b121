"""A recipe's nested sections as one level of keys, and its values as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flat_config(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return every value under its whole key.

    Example:
        >>> flat_config({"train": {"epochs": 3}, "name": "a"})
        {'train.epochs': 3, 'name': 'a'}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flat_config(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def shown_value(value: Any) -> str:
    """Write a value as a recipe does; a dash for nothing.

    Example:
        >>> shown_value(True), shown_value([0.35, 1.0]), shown_value(None)
        ('true', '0.35, 1.0', '–')
    """
    if value is None or value == []:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(shown_value, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
