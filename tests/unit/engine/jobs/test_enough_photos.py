"""More folds than a class has photos are refused, with the class and with what works."""

from __future__ import annotations

import numpy as np
import pytest

from common.errors import DataError
from engine.jobs.fold_runs import check_enough_photos

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])


def test_a_photo_a_fold_is_enough() -> None:
    check_enough_photos(LABELS, np.arange(8), 4, ("cat", "dog"))


@pytest.mark.parametrize(
    ("photos", "says"),
    [
        (
            [0, 1, 2, 3, 4, 4, 5, 5],
            "fewer than 4 photos of dog (copies of one count once); use --folds 2 or add pictures",
        ),
        (
            [0, 0, 0, 0, 4, 4, 5, 5],
            "fewer than 4 photos of cat, dog (copies of one count once); add pictures, or leave",
        ),
    ],
)
def test_the_classes_are_named_and_what_works(photos: list[int], says: str) -> None:
    with pytest.raises(DataError) as caught:
        check_enough_photos(LABELS, np.array(photos), 4, ("cat", "dog"))
    assert f"--folds 4: {says}" in str(caught.value)
