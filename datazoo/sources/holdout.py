"""Taking a hold-out by class, such that copies of one picture never land on both sides."""

from __future__ import annotations

from collections import Counter

import numpy as np

from common.errors import DataError
from datazoo.photos.groups import exact_pairs, joined
from datazoo.pictures import PictureSet

_MOST_OVER = 1.25  # of what is wanted: a photo with very many pictures would be most of what is held out


def hold_out(pictures: PictureSet, fraction: float, seed: int, split: str) -> tuple[PictureSet, PictureSet]:
    """Split `pictures` in two, class by class; byte-identical pictures stay together.

    Args:
        pictures: what to split.
        fraction: share of every class to hold out; at least one picture of each.
        seed: of the choice.
        split: name of the held-out part.

    Returns:
        The rest and the held-out part, both in the original order.

    Raises:
        DataError: a class whose pictures are all copies of one another cannot be split.
    """
    groups = joined(len(pictures), exact_pairs(pictures.content_hashes()))
    rest, held = held_places(pictures, groups, fraction, seed)
    return pictures.subset(rest), pictures.subset(held, split)


def held_places(
    pictures: PictureSet, groups: np.ndarray, fraction: float, seed: int, keep: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Choose what to hold out, class by class, the same way for the same seed and pictures.

    Args:
        pictures: what to split.
        groups: int (N,), which pictures stay together.
        fraction: share of every class to hold out; at least one group of each.
        seed: of the choice.
        keep: groups of a class that are not taken, whatever the fraction; a class with no more of them gives none.

    Returns:
        Places of the rest and of what is held out, both in ascending order.

    Raises:
        DataError: a class whose pictures are all of one group cannot be split.
    """
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(index)
    groups_of: list[list[list[int]]] = [[] for _ in pictures.classes]
    for group in members.values():
        label = Counter(pictures.labels[group].tolist()).most_common(1)[0][0]
        groups_of[label].append(group)

    rng = np.random.default_rng([seed, 0x5917])
    held = np.zeros(len(pictures), bool)
    for name, of_class in zip(pictures.classes, groups_of, strict=True):
        if not of_class:
            raise DataError(f"class {name!r}: every picture is a copy of another class's; run python -m datazoo.doctor")
        if len(of_class) < 2:
            count = pictures.class_counts()[name]
            raise DataError(
                f"class {name!r} has {len(of_class)} distinct picture(s) among {count}; a hold-out needs at least 2: "
                "add pictures, or remove the class"
            )
        wanted = max(1, round(fraction * sum(map(len, of_class))))
        for group in _chosen([of_class[i] for i in rng.permutation(len(of_class))], wanted, keep):
            held[group] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def _chosen(groups: list[list[int]], wanted: int, keep: int) -> list[list[int]]:
    """Take groups in their order until there are about `wanted` pictures, leaving `keep` groups."""
    most = len(groups) - keep
    if most <= 0:
        return []
    taken: list[list[int]] = []
    count = 0
    for group in groups:
        if count >= wanted or len(taken) == most:
            break
        if count + len(group) <= max(wanted, _MOST_OVER * wanted):
            taken.append(group)
            count += len(group)
    return taken or [min(groups, key=len)]
