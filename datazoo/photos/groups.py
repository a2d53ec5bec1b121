"""Photo groups: pictures of one photo get one number, so that a split can keep them together.

`photo_groups(paths)` is all that most callers need; `near_copies.near_copies` names the pairs behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from datazoo.photos.look import Look, looks_of
from datazoo.photos.near_copies import near_copies
from datazoo.pictures import PictureSet


def photo_groups(pictures: PictureSet, workers: int | None = None) -> np.ndarray:
    """Number the photos behind pictures, int64 (N,), from 0 in order of their first picture.

    Byte-identical pictures are one photo, and so are near copies (`near_copies`), directly or over others in between,
    whatever their labels. Pictures in memory are only compared byte by byte.

    Args:
        pictures: of one split or several, in any order.
        workers: threads; None takes the number of cores.

    Example:
        The pictures of test that show a photo of train:

        both = PictureSet("both", classes, labels, paths=(*train.paths, *test.paths))
        groups = photo_groups(both)
        leaked = np.isin(groups[len(train):], groups[:len(train)])
    """
    looks = looks_of(() if pictures.files is None else pictures.files, workers)
    return groups_of(pictures.content_hashes(), looks)


def groups_of(hashes: Sequence[bytes], looks: Sequence[Look | None]) -> np.ndarray:
    """Number the photos behind pictures by their contents' hashes and what they look like; see `photo_groups`."""
    pairs = [(pair.first, pair.second) for pair in near_copies(looks)]
    return joined(len(hashes), [*exact_pairs(hashes), *pairs])


def exact_pairs(hashes: Sequence[bytes]) -> list[tuple[int, int]]:
    """Return (first place, later place) for every content that was there before."""
    first: dict[bytes, int] = {}
    return [(at, i) for i, digest in enumerate(hashes) if (at := first.setdefault(digest, i)) != i]


def joined(count: int, pairs: Iterable[tuple[int, int]]) -> np.ndarray:
    """Number what pairs join, int64 (count,), from 0 in order of the first member."""
    root = list(range(count))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for a, b in pairs:
        low, high = sorted((find(a), find(b)))
        root[high] = low
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(find(i), len(numbers)) for i in range(count)], np.int64)
