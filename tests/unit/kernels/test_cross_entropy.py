"""The loss of a batch against its definition, and against MindSpore's operators."""

from collections.abc import Callable
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindspore import nn, ops

from engine.step.loss import NetworkWithLoss

BATCHES = st.tuples(st.integers(1, 9), st.integers(2, 30), st.integers(0, 999))
SMOOTHING = st.sampled_from([0.0, 0.1, 0.5])


def batch(pictures: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=rng.choice([1, 30]), size=(pictures, classes)).astype(np.float32)
    return logits, rng.integers(0, classes, size=pictures, dtype=np.int32)


def probabilities(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def targets(logits: np.ndarray, labels: np.ndarray, smoothing: float) -> np.ndarray:
    classes = logits.shape[1]
    return np.eye(classes)[labels] * (1 - smoothing) + smoothing / classes


@given(sizes=BATCHES, smoothing=SMOOTHING)
@settings(max_examples=50)
def test_loss_and_right_answers(
    run: Callable[..., list[np.ndarray]], sizes: tuple[int, int, int], smoothing: float
) -> None:
    logits, labels = batch(*sizes)
    loss, right = run("CrossEntropyForward", [logits, labels, np.array([smoothing])], [(), ()])
    log_probabilities = np.log(np.maximum(probabilities(logits), 1e-300))
    np.testing.assert_allclose(
        loss, -(targets(logits, labels, smoothing) * log_probabilities).sum(1).mean(), rtol=1e-5, atol=1e-6
    )
    assert right == (logits.argmax(1) == labels).sum()


@given(sizes=BATCHES, smoothing=SMOOTHING)
@settings(max_examples=50)
def test_gradient(run: Callable[..., list[np.ndarray]], sizes: tuple[int, int, int], smoothing: float) -> None:
    logits, labels = batch(*sizes)
    (dlogits,) = run("CrossEntropyBackward", [np.array(3.0), logits, labels, np.array([smoothing])], [logits.shape])
    expected = 3 * (probabilities(logits) - targets(logits, labels, smoothing)) / len(logits)
    np.testing.assert_allclose(dlogits, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_so(run: Callable[..., list[np.ndarray]], bad: float) -> None:
    logits = np.array([[0, 1, 2], [0, bad, 1]], np.float32)
    loss, _ = run("CrossEntropyForward", [logits, np.array([0, 0], np.int32), np.zeros(1)], [(), ()])
    assert np.isnan(loss)


@pytest.mark.usefixtures("graph_mode")
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_training_gets_what_mindspore_s_operators_give(compiled: Path, smoothing: float) -> None:
    logits, labels = (ms.Tensor(array) for array in batch(8, 5, seed=0))
    results = []
    for library in (None, compiled):
        cell = NetworkWithLoss(nn.Identity(), smoothing, library=library)
        (loss, correct), gradient = ops.value_and_grad(cell, 0, has_aux=True)(logits, labels)
        results.append([array.asnumpy() for array in (loss, correct, gradient)])
    for value, expected in zip(*results, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.usefixtures("graph_mode")
def test_mixed_labels_are_left_to_mindspore(compiled: Path) -> None:
    logits, labels = batch(8, 5, seed=0)
    mixed = targets(logits, labels, 0.3).astype(np.float32)
    loss, correct = NetworkWithLoss(nn.Identity(), library=compiled)(ms.Tensor(logits), ms.Tensor(mixed))
    np.testing.assert_allclose(loss.asnumpy(), -(mixed * np.log(probabilities(logits))).sum(1).mean(), rtol=1e-5)
    assert correct.asnumpy() == (logits.argmax(1) == labels).sum()
