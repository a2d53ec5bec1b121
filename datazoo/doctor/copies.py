"""Exact copies of pictures, within a split and across splits."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import combinations

from datazoo.pictures import PictureSet, Splits

_log = logging.getLogger(__name__)


def duplicates_within(pictures: PictureSet) -> int:
    """Return how many pictures are exact copies of an earlier one of the same split."""
    hashes = pictures.content_hashes()
    return len(hashes) - len(set(hashes))


def leaks_between(splits: Iterable[PictureSet]) -> dict[tuple[str, str], int]:
    """Count exact copies across splits.

    Args:
        splits: at least two.

    Returns:
        For every pair of splits, the number of pictures of the second that are byte-identical to one of the first.
    """
    hashes = {part.split: part.content_hashes() for part in splits}
    leaks = {}
    for first, second in combinations(hashes, 2):
        known = set(hashes[first])
        leaks[first, second] = sum(digest in known for digest in hashes[second])
    return leaks


def log_leaks(splits: Splits) -> dict[tuple[str, str], int]:
    """Log one warning for every pair of splits that shares pictures; return all counts."""
    leaks = leaks_between(splits)
    for (first, second), count in leaks.items():
        if count:
            total = next(len(part) for part in splits if part.split == second)
            _log.warning(
                "%d of %d %s pictures are copies of %s pictures: its accuracy is inflated", count, total, second, first
            )
    return leaks
