"""Weights on the line from a start, and means of several, as the formulas say."""

import numpy as np
import pytest

from benchmarks.evaluated_otherwise import mean, on_the_way

START = {"conv": np.array([1.0, 2.0], np.float32)}
EVALUATED = {"conv": np.array([2.0, 4.0], np.float32), "statistics": np.array([7.0], np.float32)}  # half of the way


@pytest.mark.parametrize(("way", "conv"), [(0, [1, 2]), (0.5, [2, 4]), (0.75, [2.5, 5]), (1, [3, 6])])
def test_what_trained_moves_on_the_line_from_its_start(way: float, conv: list[float]) -> None:
    moved = on_the_way(START, EVALUATED, alpha=0.5, way=way)

    assert moved["conv"] == pytest.approx(conv)
    assert moved["conv"].dtype == np.float32


def test_what_did_not_train_stays() -> None:
    assert on_the_way(START, EVALUATED, alpha=0.5, way=0)["statistics"] == [7]


def test_a_mean_of_runs_is_one_of_every_tensor() -> None:
    assert mean([START, {"conv": np.array([3.0, 0.0], np.float32)}])["conv"] == pytest.approx([2, 1])
