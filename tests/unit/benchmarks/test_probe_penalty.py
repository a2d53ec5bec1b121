import numpy as np
import pytest

from benchmarks.probe_penalty import Features, Row, compare, draw


def test_as_many_pictures_of_each_class_are_drawn_or_all_there_are() -> None:
    labels = np.repeat([0, 1, 2], [3, 10, 20])
    rows = draw(labels, 5, seed=0)
    assert list(np.bincount(labels[rows])) == [3, 5, 5]
    assert len(set(rows)) == len(rows)
    assert set(draw(labels, 5, seed=0)) == set(rows) != set(draw(labels, 5, seed=1))


def test_the_difference_is_that_of_the_means_in_points() -> None:
    row = Row("flowers", 10, 200, ours=(150, 160), fixed=(140, 140), peer=(156, 160))
    assert row.difference == pytest.approx(-1.5)
    assert str(row) == (
        "| flowers | 10 | 200 | 77.50 (75.00 to 80.00) | 70.00 (70.00 to 70.00) | 79.00 (78.00 to 80.00) | -1.50 |"
    )


def test_contenders_see_the_same_pictures() -> None:
    rng = np.random.default_rng(0)
    centres = 4 * rng.normal(size=(3, 12))
    labels, val_labels = np.repeat(np.arange(3), 12), np.repeat(np.arange(3), 8)
    features = Features(
        (centres[labels] + rng.normal(size=(36, 12))).astype(np.float32),
        labels,
        (centres[val_labels] + rng.normal(size=(24, 12))).astype(np.float32),
        val_labels,
    )
    rows = list(compare("made", features, seeds=2))
    assert [(row.shots, len(row.ours), row.n) for row in rows] == [(None, 1, 24), (5, 2, 24), (10, 2, 24)]
    assert all(min(row.ours + row.fixed + row.peer) >= 22 for row in rows)
