"""The confidence interval printed beside every accuracy."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959963984540054


def wilson_interval(correct: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """Score interval of a share; 95 % by default.

    Args:
        correct: number of successes, 0 to n.
        n: number of trials, above 0.
        z: normal quantile of the confidence level.

    Returns:
        Lower and upper bound, within 0..1.

    Raises:
        ValueError: counts that no experiment can give.

    Source: Wilson, 1927, "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    if n < 1 or not 0 <= correct <= n:
        raise ValueError(f"{correct} of {n} is no share: 0 <= correct <= n and n >= 1 are needed")
    share = correct / n
    centre = share + z * z / (2 * n)
    spread = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # At 0 and n of n the bound is 0 or 1 exactly; rounding would leave 1e-17 beside it.
    low = 0.0 if correct == 0 else (centre - spread) / scale
    high = 1.0 if correct == n else (centre + spread) / scale
    return low, high
