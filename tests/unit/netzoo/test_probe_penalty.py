import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from common.errors import NetError
from netzoo.probe_penalty import choose_l2, grouped_folds

L2 = (10.0, 0.1, 0.001)


def noisy(classes: int = 3, per_class: int = 20, dimensions: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), per_class)
    features = 0.6 * rng.normal(size=(classes, dimensions))[labels] + rng.normal(size=(len(labels), dimensions))
    return features.astype(np.float32), labels


def test_scores_are_those_of_scikit_learn_on_the_same_folds() -> None:
    features, labels = noisy()
    choice = choose_l2(features, labels, candidates=L2)
    expected = dict.fromkeys(L2, 0)
    for train, held in grouped_folds(labels, np.arange(len(labels)), 5, 0):
        for l2 in L2:
            peer = make_pipeline(StandardScaler(), LogisticRegression(C=1 / (l2 * len(train)), max_iter=5000))
            peer.fit(features[train], labels[train])
            expected[l2] += int((peer.predict(features[held]) == labels[held]).sum())
    assert {score.l2: score.correct for score in choice.scores} == pytest.approx(expected, abs=1)
    assert choice.correct == max(score.correct for score in choice.scores)
    assert choice.pictures == len(labels)


def test_copies_of_a_photo_do_not_flatter_a_weak_penalty() -> None:
    """Features that say nothing, each photo five times: only who learns photos by heart seems to do well."""
    rng = np.random.default_rng(1)
    photos = rng.normal(size=(40, 60)).astype(np.float32)
    groups = np.repeat(np.arange(40), 5)
    features, labels = photos[groups], groups % 2
    apart, together = choose_l2(features, labels), choose_l2(features, labels, groups)
    assert apart.correct == len(labels)
    assert together.correct < 0.75 * len(labels)


def test_equal_counts_are_decided_by_the_loss() -> None:
    labels = np.repeat([0, 1], 10)
    features = np.where(labels == 0, -1.0, 1.0)[:, None].astype(np.float32)
    choice = choose_l2(features, labels, candidates=L2)
    assert {score.correct for score in choice.scores} == {20}
    assert choice.l2 == min(L2)


def test_a_class_with_one_picture_cannot_be_chosen_by() -> None:
    with pytest.raises(NetError, match="single picture"):
        choose_l2(np.zeros((3, 2), np.float32), np.array([0, 0, 1]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), min_size=12, max_size=60), st.integers(2, 5))
def test_folds_hold_groups_together_and_hold_each_picture_out_once(rows: list[tuple[int, int]], folds: int) -> None:
    labels = np.array([label for label, _ in rows])
    groups = np.array([10 * label + group for label, group in rows])
    if len(np.unique(groups)) < folds:
        return
    seen: list[int] = []
    for train, held in grouped_folds(labels, groups, folds, 0):
        assert not set(groups[train]) & set(groups[held])
        assert set(labels[train]) == set(labels)
        seen += held.tolist()
    assert len(seen) == len(set(seen))
