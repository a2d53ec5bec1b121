"""A recipe's nested sections as one level of keys."""

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
