import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.run.budget import Forecast, choose, compare_on_photos


def answers(right: int, n: int = 60) -> np.ndarray:
    return np.arange(n) < right


ALONE = np.arange(60)  # every picture is a photo of its own


def test_all_epochs_are_begun_where_they_fit() -> None:
    assert Forecast(fixed=10, epoch=5, epochs=8).fitting_epochs(left=50) == 8


def test_fewer_epochs_are_begun_where_not_all_fit() -> None:
    assert Forecast(fixed=10, epoch=5, epochs=8).fitting_epochs(left=42) == 6


def test_less_than_half_of_the_epochs_is_not_begun() -> None:
    assert Forecast(fixed=10, epoch=5, epochs=8).fitting_epochs(left=29) is None


@given(st.floats(0, 1e4), st.floats(0.01, 1e3), st.integers(0, 100), st.floats(-10, 1e5))
def test_what_is_begun_fits_into_what_is_left(fixed: float, epoch: float, epochs: int, left: float) -> None:
    forecast = Forecast(fixed, epoch, epochs)
    begun = forecast.fitting_epochs(left)
    assert begun is None or forecast.fixed + begun * forecast.epoch <= left * (1 + 1e-9)
    assert begun is None or epochs / 2 <= begun <= epochs


@pytest.mark.parametrize(
    ("left", "line"),
    [
        (720, "forecast 4 min 10 s of 12 min 00 s left: begun"),
        (200, "forecast 4 min 10 s of 3 min 20 s left: begun with 6 of 8 epochs"),
        (60, "forecast 4 min 10 s of 1 min 00 s left: left out"),
    ],
)
def test_a_line_says_forecast_time_left_and_decision(left: float, line: str) -> None:
    assert Forecast(fixed=10, epoch=30, epochs=8).line(left) == line


def test_a_method_that_is_surely_better_is_chosen() -> None:
    assert choose([answers(40), answers(50)], ALONE) == 1


def test_a_difference_that_may_be_chance_leaves_the_cheaper_method() -> None:
    assert choose([answers(40), answers(44)], ALONE) == 0


def test_a_tie_leaves_the_cheaper_method() -> None:
    assert choose([answers(40), answers(40)], ALONE) == 0


def test_a_third_method_is_held_against_the_one_kept_and_not_against_the_second() -> None:
    assert choose([answers(40), answers(43), answers(46)], ALONE) == 2


def test_the_rule_is_the_one_sided_exact_test_of_mcnemar() -> None:
    # 7 photos better, 1 worse: (C(8, 7) + C(8, 8)) / 2**8.
    later, before = np.array([True] * 7 + [False]), np.array([False] * 7 + [True])
    found = compare_on_photos(later, before, np.arange(8))
    assert (found.better, found.worse) == (7, 1)
    assert found.p_value == pytest.approx(9 / 256)
    assert found.is_sure


def test_pictures_of_one_photo_count_once() -> None:
    # The same ten pictures gained, of two photos: that is two photos, and may be chance.
    photos = np.concatenate([np.repeat([0, 1], 5), np.arange(2, 52)])
    assert choose([answers(0), answers(10)], photos) == 0
    assert choose([answers(0), answers(10)], ALONE) == 1


def test_without_a_differing_photo_nothing_is_sure() -> None:
    found = compare_on_photos(answers(40), answers(40), ALONE)
    assert (found.p_value, found.top1) == (1.0, 0.0)
    assert found.interval[0] < 0 < found.interval[1]
