"""One rule for numbers that are not finite: they are no result."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def is_finite(value: float | None) -> bool:
    """Return whether a value is there and neither NaN nor infinite."""
    return value is not None and math.isfinite(value)


def finite_or_none(value: Any) -> Any:
    """Return a JSON value with None for every number in it that is not finite: JSON has no NaN and no infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite_or_none(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [finite_or_none(item) for item in value]
    return value


def first_not_finite(tensors: Mapping[str, np.ndarray]) -> str | None:
    """Return the name of the first tensor that is not finite as float32, or None.

    Args:
        tensors: arrays of any shape and number type, by name.
    """
    import numpy as np  # here: doors that read no tensors do not load it

    with np.errstate(over="ignore", invalid="ignore"):
        return next((name for name, t in tensors.items() if not np.isfinite(t.astype(np.float32)).all()), None)
