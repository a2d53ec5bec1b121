"""Sums of an average's shares against the average itself, of a weight that is 1 at the start and 0 after it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.step.moving_average import share_of_start, warmup_updates


def shares(decay: float, updates: int) -> list[float]:
    """What the updates of TensorFlow's ExponentialMovingAverage keep, for num_updates 0, 1, 2, ..."""
    return [min(decay, (1 + done) / (10 + done)) for done in range(updates)]


@given(st.floats(0.01, 0.999), st.integers(0, 3000))
def test_what_is_left_of_the_start_is_what_all_updates_keep(decay: float, updates: int) -> None:
    average = 1.0
    for share in shares(decay, updates):
        average *= share

    assert share_of_start(decay, updates, warmup=True) == pytest.approx(average, rel=1e-9)


def test_without_a_warmup_every_update_keeps_the_decay() -> None:
    assert share_of_start(0.9, 20, warmup=False) == pytest.approx(0.9**20)


@pytest.mark.parametrize(("decay", "updates"), [(0.05, 0), (0.3, 3), (0.9, 80), (0.98, 440), (0.995, 1790)])
def test_the_warmup_ends_with_the_first_update_that_keeps_the_decay(decay: float, updates: int) -> None:
    assert warmup_updates(decay) == sum(share < decay * (1 - 1e-12) for share in shares(decay, 3000)) == updates
