"""How fast a moving average of weights follows them."""

from __future__ import annotations

import math


def warmup_updates(decay: float) -> int:
    """Number of updates, from the first, in which an average with a warm-up keeps less than `decay` of itself.

    Args:
        decay: what an update keeps at most; the n-th keeps n / (9 + n) until that is more.
    """
    return math.ceil(round(9 * decay / (1 - decay), 6)) - 1  # 0.9 makes 81.00000000000001 of 81


def share_of_start(decay: float, updates: int, *, warmup: bool) -> float:
    """How much of an average is still what it began with.

    Args:
        decay: what an update keeps, after the warm-up.
        updates: number of them.
        warmup: whether there is one.
    """
    quick = min(updates, warmup_updates(decay)) if warmup else 0
    return math.prod(n / (9 + n) for n in range(1, quick + 1)) * decay ** (updates - quick)
