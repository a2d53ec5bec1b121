"""Pairs of pictures that show one photo, found without comparing every picture with every other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from datazoo.photos.look import BITS, ORIENTATIONS, SIDE, Look, hash_bits, oriented

# Chosen by comparing all pairs of garbage-26: with these, none of 884 is of two classes; with 0.80, 19 of 1,045 are.
MOST_BITS = 12
LEAST_CORRELATION = 0.88
SMALLEST = 64  # pixels: pictures with a shorter side have too little in them to tell likeness from a common subject
_BANDS = 9  # two hashes are compared if one of nine bands of seven bits is equal
_WIDTH = BITS // _BANDS
_CHUNK = 1 << 20  # pairs whose hashes are compared at a time
_BLOCK = 1 << 12  # pairs whose thumbnails are compared at a time
# Frames of a film are all alike, and a group needs no more than a few links of each picture.
_BUCKET = 512  # pictures of one band that each is compared with, or four times what is usual
_LINKS = 16  # of these, the close ones whose thumbnails are compared


@dataclass(frozen=True)
class NearCopy:
    """Two pictures of one photo; `changed` says whether one is mirrored or turned against the other."""

    first: int
    second: int
    changed: bool


def near_copies(looks: Sequence[Look | None]) -> list[NearCopy]:
    """Find near copies: equal, re-saved, brighter, slightly cropped, mirrored or turned by a quarter.

    Pictures whose shorter side is under 64 pixels, flat ones and those that could not be decoded have none.

    Args:
        looks: of the pictures.

    Returns:
        Every pair that was found, by its places in `looks`, in ascending order. Exact copies are pairs too.
    """
    places = np.array([i for i, look in enumerate(looks) if look is not None and min(look.size) >= SMALLEST], np.int64)
    if len(places) < 2:
        return []
    known = [look for i in places if (look := looks[i]) is not None]
    frequencies = np.stack([look.frequencies for look in known])
    thumbnails = np.stack([look.thumbnail for look in known])
    upright = hash_bits(frequencies, 0)
    found: dict[tuple[int, int], bool] = {}
    for orientation in range(ORIENTATIONS):
        turned = upright if orientation == 0 else hash_bits(frequencies, orientation)
        for first, second in _candidates(upright, turned):
            alike = _correlation(thumbnails[first], oriented(thumbnails[second], orientation)) >= LEAST_CORRELATION
            for a, b in zip(places[first[alike]].tolist(), places[second[alike]].tolist(), strict=True):
                found.setdefault((min(a, b), max(a, b)), orientation != 0)
    return [NearCopy(first, second, changed) for (first, second), changed in sorted(found.items())]


def _candidates(upright: np.ndarray, turned: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield places of pictures whose hashes, bool (N, 63), share a band and differ in at most `MOST_BITS` bits."""
    packed, other = np.packbits(upright, axis=1), np.packbits(turned, axis=1)
    keys, wanted = _band_keys(upright), _band_keys(turned)
    most = max(_BUCKET, 4 * len(upright) >> _WIDTH)
    for band in range(_BANDS):
        order = np.argsort(keys[band], kind="stable")
        start, stop = (np.searchsorted(keys[band][order], wanted[band], side) for side in ("left", "right"))
        counts = np.minimum(stop - start, most)
        for part in _parts(counts):
            lengths = counts[part]
            second = np.repeat(part, lengths)
            offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            first = order[np.repeat(start[part], lengths) + offsets]
            new = first < second
            for before in range(band):
                new &= keys[before][first] != wanted[before][second]
            first, second = first[new], second[new]
            close = _ONES[packed[first] ^ other[second]].sum(1, dtype=np.uint8) <= MOST_BITS
            first, second = _few_each(first[close], second[close])
            for at in range(0, len(first), _BLOCK):
                yield first[at : at + _BLOCK], second[at : at + _BLOCK]


def _few_each(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the first `_LINKS` pairs of every `second`, which is sorted."""
    place = np.arange(len(second)) - np.searchsorted(second, second)
    return first[place < _LINKS], second[place < _LINKS]


def _band_keys(bits: np.ndarray) -> np.ndarray:
    """The bands of hashes, bool (N, 63), as numbers, int64 (bands, N)."""
    return (bits.reshape(len(bits), _BANDS, _WIDTH) @ (1 << np.arange(_WIDTH))).T.copy()


def _parts(lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Yield runs of places whose lengths add up to about `_CHUNK`."""
    ends = np.cumsum(lengths) // _CHUNK
    yield from np.split(np.arange(len(lengths)), np.flatnonzero(np.diff(ends)) + 1)


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pearson correlation of thumbnails, uint8 (N, 16, 16, 3), pair by pair; flat ones correlate with nothing."""
    a, b = (part.reshape(-1, 3 * SIDE * SIDE).astype(np.float32) for part in (first, second))
    a -= a.mean(1, keepdims=True)
    b -= b.mean(1, keepdims=True)
    spread = np.einsum("ij,ij->i", a, a) * np.einsum("ij,ij->i", b, b)
    return np.einsum("ij,ij->i", a, b) / np.sqrt(spread + 1)


_ONES = np.array([bin(value).count("1") for value in range(256)], np.uint8)
