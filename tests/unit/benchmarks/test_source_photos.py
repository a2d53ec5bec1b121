import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.source_photos import hold_out, photos_of


def test_near_copies_are_one_photo_also_over_others_in_between() -> None:
    angles = np.deg2rad([0, 20, 40, 180, 200, 270])  # 0 and 40 degrees are too far apart to be alike by themselves
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    photos = photos_of(features, np.zeros(6, int), cosine=0.9)

    assert [list(np.flatnonzero(photos == photo)) for photo in np.unique(photos)] == [[0, 1, 2], [3, 4], [5]]


def test_pictures_of_two_classes_are_two_photos() -> None:
    features = np.array([[1, 0], [1, 0], [-1, 0]], np.float32)

    photos = photos_of(features, np.array([0, 1, 0]), cosine=0.9)

    assert len(np.unique(photos)) == 3


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(1, 4), st.floats(0.05, 0.5), st.integers(0, 9)
)
def test_what_is_held_out_is_whole_photos_and_not_much_more_than_its_share(
    numbers: list[int], classes: int, share: float, seed: int
) -> None:
    photos = np.array(numbers)
    labels = photos % classes  # a photo has one class

    held = hold_out(photos, labels, share, seed)

    assert not np.isin(photos[held], photos[~held]).any()
    for label in np.unique(labels):
        assert held[labels == label].sum() <= 1.25 * share * (labels == label).sum()
