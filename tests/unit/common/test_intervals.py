from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from common.intervals import paired_interval, wilson_interval


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        # Newcombe, 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_agrees_with_published_values(correct: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(correct, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_agrees_with_scipy(counts: tuple[int, int]) -> None:
    correct, n = counts
    expected = binomtest(correct, n).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson_interval(correct, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_holds_the_share_and_stays_within_0_and_1(counts: tuple[int, int]) -> None:
    correct, n = counts
    low, high = wilson_interval(correct, n)
    assert 0 <= low <= correct / n <= high <= 1


@pytest.mark.parametrize(("correct", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_refuses_counts_that_no_experiment_gives(correct: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson_interval(correct, n)


def test_paired_interval_agrees_with_arithmetic_by_hand() -> None:
    # 12 better, 5 worse of 100: half a picture in each cell makes 12.5, 5.5 and n = 102.
    centre = (12.5 - 5.5) / 102
    spread = 1.959963984540054 * ((12.5 + 5.5) - (12.5 - 5.5) ** 2 / 102) ** 0.5 / 102
    assert paired_interval([1] * 12 + [-1] * 5 + [0] * 83, 100) == pytest.approx((centre - spread, centre + spread))


def test_paired_interval_is_wider_where_the_gained_pictures_are_of_few_photos() -> None:
    alone, together = paired_interval([1] * 12, 100), paired_interval([6, 6], 100)
    assert together[1] - together[0] > alone[1] - alone[0]


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=200))
def test_paired_interval_turns_round_with_the_two_methods(differences: list[int]) -> None:
    n = max(1, sum(map(abs, differences)))
    low, high = paired_interval(differences, n)
    assert paired_interval([-d for d in differences], n) == pytest.approx((-high, -low))
    assert -1 <= low < high <= 1


def test_paired_interval_needs_pictures() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        paired_interval([], 0)
