"""The confidence interval printed beside every accuracy, and beside the difference of two."""

from __future__ import annotations

from collections.abc import Sequence
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


def paired_interval(differences: Sequence[int], n: int, z: float = Z_95) -> tuple[float, float]:
    """Interval of the difference of two accuracies on the same pictures; 95 % by default.

    Args:
        differences: by photo, right answers of the one less right answers of the other; photos are independent,
            pictures of one photo need not be.
        n: number of pictures, above 0.
        z: normal quantile of the confidence level.

    Returns:
        Lower and upper bound, within -1..1.

    Raises:
        ValueError: no pictures.

    Source: Agresti and Min, 2005, "Simple improved confidence intervals for comparing matched proportions": half a
        picture is added to each of the four outcomes. With a picture a photo it is theirs.
    """
    if n < 1:
        raise ValueError("a difference of no pictures")
    total, count = sum(differences), n + 2
    centre = total / count
    spread = z * sqrt(sum(d * d for d in differences) + 1 - total * total / count) / count
    return max(-1.0, centre - spread), min(1.0, centre + spread)
