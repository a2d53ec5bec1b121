"""scikit-learn's handwritten digits: real 8x8 scans that need no download."""

from __future__ import annotations

import numpy as np

from datazoo.pictures import PictureSet, Splits
from datazoo.sources.holdout import hold_out

TEST_FRACTION = 0.2


def load(val_fraction: float, split_seed: int) -> Splits:
    """Load the 1,797 digits, 0..16 scaled to 0..255, with fixed stratified val and test hold-outs.

    The scans come from 13 writers, but scikit-learn ships no writer numbers: a random hold-out therefore has every
    writer on both sides, and its accuracy is for known writers.

    Args:
        val_fraction: share of all pictures held out for validation.
        split_seed: of both hold-outs.

    Source: https://archive.ics.uci.edu/dataset/80 (its test part).
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    everything = PictureSet(
        split="train",
        classes=tuple(str(name) for name in digits.target_names),
        labels=digits.target.astype(np.int32),
        arrays=np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None],
    )
    rest, test = hold_out(everything, TEST_FRACTION, split_seed, "test")
    train, val = hold_out(rest, val_fraction / (1 - TEST_FRACTION), split_seed, "val")
    note = f"digits: {len(train)} train, {len(val)} val, {len(test)} test, stratified (writers are not told apart)"
    return Splits(train, val, test, (note,))
