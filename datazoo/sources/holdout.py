"""Taking a hold-out by class, such that copies of one picture never land on both sides."""

from __future__ import annotations

import numpy as np

from common.errors import DataError
from datazoo.pictures import PictureSet


def hold_out(pictures: PictureSet, fraction: float, seed: int, split: str) -> tuple[PictureSet, PictureSet]:
    """Split `pictures` in two, class by class, the same way for the same seed and pictures.

    Args:
        pictures: what to split.
        fraction: share of every class to hold out; at least one picture of each.
        seed: of the choice.
        split: name of the held-out part.

    Returns:
        The rest and the held-out part, both in the original order. Byte-identical pictures stay together.

    Raises:
        DataError: a class whose pictures are all copies of one another cannot be split.
    """
    copies: dict[bytes, list[int]] = {}
    for index, digest in enumerate(pictures.content_hashes()):
        copies.setdefault(digest, []).append(index)
    groups_of: list[list[list[int]]] = [[] for _ in pictures.classes]
    for group in copies.values():
        groups_of[int(pictures.labels[group[0]])].append(group)

    rng = np.random.default_rng([seed, 0x5917])
    held = np.zeros(len(pictures), bool)
    for name, groups in zip(pictures.classes, groups_of, strict=True):
        if len(groups) < 2:
            raise DataError(f"class {name!r} has {len(groups)} distinct picture(s); a hold-out needs at least 2")
        wanted = max(1, round(fraction * sum(map(len, groups))))
        taken = 0
        for position in rng.permutation(len(groups))[:-1]:  # one group stays in training whatever the fraction
            if taken >= wanted:
                break
            held[groups[position]] = True
            taken += len(groups[position])
    return pictures.subset(np.flatnonzero(~held)), pictures.subset(np.flatnonzero(held), split)
