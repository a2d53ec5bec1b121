import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.source_photos import hold_out


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
