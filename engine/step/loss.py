"""Cross-entropy, and the network with its loss."""

from __future__ import annotations

from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from common.errors import ConfigError
from engine.config.loss_section import LossConfig
from kernels.step import CrossEntropy


def class_weights(config: LossConfig, labels: np.ndarray, num_classes: int) -> np.ndarray | None:
    """Weight of each class in the loss, or None for equal weights.

    Args:
        config: the recipe's `loss` section.
        labels: int labels of the training pictures, shape (N,).
        num_classes: number of classes C.

    Returns:
        float32 weights of shape (C,); `balanced` gives N / (C * count), so that the mean over pictures is 1.

    Raises:
        ConfigError: the number of given weights is not C, or no training picture counts.
    """
    if config.class_weights == "none":
        return None
    if config.class_weights == "balanced":
        counts = np.bincount(labels, minlength=num_classes)
        return (len(labels) / (num_classes * np.maximum(counts, 1))).astype(np.float32)
    if len(config.class_weights) != num_classes:
        raise ConfigError(f"loss.class_weights: {len(config.class_weights)} weights for {num_classes} classes")
    with np.errstate(over="ignore"):
        weights = np.asarray(config.class_weights, np.float32)
    total = float((weights * np.bincount(labels, minlength=num_classes)).sum())
    if not 0 < total < np.inf:
        raise ConfigError(
            f"loss.class_weights: the weights of all training pictures add up to {total:g} in float32; "
            "give some class that has pictures a weight of the order of 1"
        )
    return weights


class NetworkWithLoss(nn.Cell):
    """Loss and number of right answers of a batch.

    Args:
        network: maps the input to logits (B, C).
        label_smoothing: probability mass spread over all classes.
        weights: weight of each class, shape (C,), or None.
        library: compiled kernels that compute the loss where there are no weights; None for MindSpore's operators.
    """

    def __init__(
        self,
        network: nn.Cell,
        label_smoothing: float = 0.0,
        weights: np.ndarray | None = None,
        library: Path | None = None,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.network = network
        self.label_smoothing = label_smoothing
        self.weights = None if weights is None else ms.Tensor(weights, ms.float32)
        self.by_kernel = False
        if library is not None and weights is None:
            self.by_kernel = True
            self.loss_and_correct = CrossEntropy(library, label_smoothing)

    def construct(self, image: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Return (loss, correct): mean loss, float32, and the count of right top-1 answers, float32.

        Args:
            image: what the network reads, float32 (B, ...).
            label: int32 (B,), or float32 (B, C) where labels are mixed.
        """
        logits = ops.cast(self.network(image), ms.float32)
        if self.by_kernel and label.ndim == 1:
            return self.loss_and_correct(logits, label)
        if self.weights is not None and label.ndim == 1:
            loss = self._weighted(logits, label)
        else:
            loss = ops.cross_entropy(logits, label, weight=self.weights, label_smoothing=self.label_smoothing)
        hard = label if label.ndim == 1 else ops.argmax(label, 1)
        correct = ops.cast(ops.equal(ops.cast(ops.argmax(logits, 1), ms.int32), ops.cast(hard, ms.int32)), ms.float32)
        return loss, correct.sum()

    def _weighted(self, logits: Tensor, label: Tensor) -> Tensor:
        """Mean weighted loss; 0 for a batch in which no picture counts, where the mean would be 0/0."""
        counts = ops.gather(self.weights, label, 0).sum() > 0
        weights = ops.select(counts, self.weights, ops.ones_like(self.weights))
        loss = ops.cross_entropy(logits, label, weight=weights, label_smoothing=self.label_smoothing)
        return loss * ops.cast(counts, ms.float32)
