"""What somebody may have meant who wrote a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(wrong: str, known: Iterable[str], most: int = 3, cutoff: float = 0.6) -> list[str]:
    """Return the known names that are about as near to `wrong` as the nearest one, which comes first.

    Args:
        wrong: the name as it was written; case does not count.
        known: names that exist.
        most: how many to return at the most.
        cutoff: least likeness, 0 to 1, that is worth a mention.

    Source: Ratcliff and Metzener, 1988, "Pattern Matching: The Gestalt Approach" (difflib's ratio).

    Example:
        >>> nearest("Batch_size", ["batch_size", "epochs"])
        ['batch_size']
    """
    likeness = {name: difflib.SequenceMatcher(None, wrong.lower(), name.lower()).ratio() for name in known}
    best = max(likeness.values(), default=0.0)
    near = [name for name, value in likeness.items() if value >= cutoff and value > best - 0.02]
    return sorted(near, key=lambda name: -likeness[name])[:most]


def did_you_mean(wrong: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return `; did you mean 'x'?` for the nearest of the known names, or nothing."""
    names = nearest(wrong, known, 1, cutoff)
    return f"; did you mean {names[0]!r}?" if names else ""
