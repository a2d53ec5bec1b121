import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support, top_k_accuracy_score

from common.intervals import wilson_interval
from datazoo.pipeline.order import Shard, evaluation_rows
from engine.step.metrics import ClassificationCounts


def alone(values: np.ndarray) -> np.ndarray:
    return values


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_is_scipys(case: tuple[int, int]) -> None:
    correct, n = case
    expected = binomtest(correct, n).proportion_ci(method="wilson")

    assert wilson_interval(correct, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_every_score_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(500, 7)), rng.integers(0, 7, 500)
    counts = ClassificationCounts(7)
    for start in range(0, 500, 64):
        counts.add(logits[start : start + 64], labels[start : start + 64])

    result = counts.result([str(i) for i in range(7)], alone)

    precision, recall, f1, support = precision_recall_fscore_support(labels, logits.argmax(1))
    assert np.array_equal(result.confusion, confusion_matrix(labels, logits.argmax(1)))
    assert result.top5 == pytest.approx(top_k_accuracy_score(labels, logits, k=5))
    assert result.loss == pytest.approx(-log_softmax(logits, 1)[np.arange(500), labels].mean())
    assert [c.precision for c in result.per_class] == pytest.approx(precision)
    assert [c.recall for c in result.per_class] == pytest.approx(recall)
    assert [c.f1 for c in result.per_class] == pytest.approx(f1)
    assert [c.n for c in result.per_class] == list(support)
    assert result.macro_f1 == pytest.approx(f1.mean())


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_the_mean_f1_is_of_the_classes_that_occur_as_scikit_learns(cases: list[tuple[int, int]]) -> None:
    labels, predicted = np.array(cases).T
    counts = ClassificationCounts(6)
    counts.add(np.eye(6)[predicted], labels)

    result = counts.result(list("abcdef"), alone)

    assert result.macro_f1 == pytest.approx(f1_score(labels, predicted, average="macro", zero_division=0))


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 9))
def test_padding_and_ranks_change_no_count(n: int, ranks: int, batch: int) -> None:
    rng = np.random.default_rng(n)
    logits, labels = rng.normal(size=(n, 6)), rng.integers(0, 6, n)
    alone_counts = ClassificationCounts(6)
    alone_counts.add(logits, labels)
    shards = []
    for rank in range(ranks):
        counts = ClassificationCounts(6)
        part, names = logits[rank::ranks], labels[rank::ranks]
        for start in range(0, len(part), batch):
            padded = np.full(batch, -1)
            rows = np.zeros((batch, 6))
            size = len(part[start : start + batch])
            rows[:size], padded[:size] = part[start : start + batch], names[start : start + batch]
            counts.add(rows, padded)
        shards.append(counts)
    flat: list[np.ndarray] = []

    def keep(values: np.ndarray) -> np.ndarray:
        flat.append(values)
        return np.ones_like(values)

    for counts in shards[1:]:
        counts.result("abcdef", keep)
    together = shards[0].result("abcdef", lambda v: v + sum(flat))

    expected = alone_counts.result("abcdef", alone)
    assert together.confusion == expected.confusion
    assert together.top5 == expected.top5
    assert together.loss == pytest.approx(expected.loss)


def test_logits_of_a_thousand_do_not_overflow_the_loss() -> None:
    counts = ClassificationCounts(2)
    counts.add(np.array([[1000.0, 0.0]]), np.array([1]))

    assert counts.result("ab", alone).loss == pytest.approx(1000.0)


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 9))
def test_answers_are_in_the_splits_order_whatever_ranks_and_batches(n: int, ranks: int, batch: int) -> None:
    rng = np.random.default_rng(n)
    logits, labels = rng.normal(size=(n, 6)), rng.integers(0, 6, n)
    labels[n // 2] = -1  # a picture that could not be read, in the middle
    rows = np.stack([evaluation_rows(n, batch, Shard(rank, ranks)).ravel() for rank in range(ranks)])
    parts: list[bytes] = []
    for mine in rows:
        counts = ClassificationCounts(6)
        for start in range(0, len(mine), batch):
            chosen = mine[start : start + batch]
            counts.add(logits[chosen], np.where(chosen < 0, -1, labels[chosen]))

        def keep(own: bytes) -> list[bytes]:
            parts.append(own)
            return [own]

        counts.answers(n, keep)

    answers = counts.answers(n, lambda own: parts)

    assert len(answers) == n
    assert [answer.predicted for answer in answers] == list(np.where(labels < 0, -1, logits.argmax(1)))
    expected = np.where(labels < 0, 0.0, np.exp(log_softmax(logits, 1)).max(1))
    assert [answer.confidence for answer in answers] == pytest.approx(expected)
