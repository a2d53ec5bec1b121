"""Last layers that are solved on pooled features instead of trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from common.errors import NetError

LinearLayer = tuple[np.ndarray, np.ndarray]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let linear algebra run on one thread: several take 10 times as long where another process wants the cores."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


def standardise(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (N, D) less their mean over their standard deviation, float32, and both (D,), float64."""
    mean = features.mean(axis=0, dtype=np.float64)
    std = features.std(axis=0, dtype=np.float64)
    std[std < 1e-6] = 1.0  # a constant feature says nothing; it becomes 0
    return ((features - mean) / std).astype(np.float32), mean, std


def class_means_head(features: np.ndarray, labels: np.ndarray, num_classes: int | None = None) -> LinearLayer:
    """Return the linear layer that prefers the class whose mean is nearest, in standardised features.

    The logits are scaled so that their cross-entropy on `features` is least; the ranking is that of the distances.

    Args:
        features: (N, D) pooled features, float32.
        labels: (N,) class indices, any integers; every class occurs.
        num_classes: C; None takes the largest label + 1.

    Returns:
        Weight (C, D) and bias (C,), float32, for features as they are given.

    Raises:
        NetError: The shapes do not fit, or a class has no picture.
    """
    scaled, labels, mean, std, classes = _checked(features, labels, num_classes)
    means = np.stack([scaled[labels == c].mean(axis=0) for c in range(classes)])
    offsets = -0.5 * np.square(means).sum(axis=1)
    logits = scaled @ means.T + offsets
    scale = min(2.0 ** np.arange(-12, 5, 0.5), key=lambda s: _cross_entropy(s * logits, labels))
    return _fold(scale * means, scale * offsets, mean, std)


def linear_probe_head(
    features: np.ndarray, labels: np.ndarray, num_classes: int | None = None, *, l2: float = 0.01
) -> LinearLayer:
    """Return multinomial logistic regression on standardised features, folded back to features as given.

    Args:
        features: (N, D) pooled features, float32.
        labels: (N,) class indices, any integers; every class occurs.
        num_classes: C; None takes the largest label + 1.
        l2: Weight of the squared norm of the weights, in a loss that is a mean over pictures.

    Returns:
        Weight (C, D) and bias (C,), float32.

    Raises:
        NetError: The shapes do not fit, or a class has no picture.
    """
    from sklearn.linear_model import LogisticRegression  # here: it takes a second to load, and most runs need it not

    scaled, labels, mean, std, classes = _checked(features, labels, num_classes)
    with one_thread():
        solver = LogisticRegression(C=1.0 / (l2 * len(labels)), max_iter=300, tol=1e-4).fit(scaled, labels)
    weight, bias = solver.coef_, solver.intercept_
    if classes == 2:  # scikit-learn gives one row, the log-odds of class 1
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return _fold(weight, bias, mean, std)


def _checked(
    features: np.ndarray, labels: np.ndarray, num_classes: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    if features.ndim != 2 or labels.shape != features.shape[:1] or not len(labels):
        raise NetError(f"features (N, D) and labels (N,) do not fit: {features.shape} and {labels.shape}")
    labels = labels.astype(np.int64)
    classes = int(labels.max()) + 1 if num_classes is None else num_classes
    counts = np.bincount(labels, minlength=classes)
    if len(counts) > classes or not counts.all():
        raise NetError(f"a solved head needs pictures of each of {classes} classes; counts are {counts.tolist()}")
    scaled, mean, std = standardise(features)
    return scaled, labels, mean, std, classes


def _fold(weight: np.ndarray, bias: np.ndarray, mean: np.ndarray, std: np.ndarray) -> LinearLayer:
    folded = weight / std
    return folded.astype(np.float32), (bias - folded @ mean).astype(np.float32)


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-log_probability[np.arange(len(labels)), labels].mean())
