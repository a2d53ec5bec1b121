"""Classification results from summed counts: accuracy with its interval, per-class scores, confusion matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import mindspore as ms
import numpy as np

PADDING_LABEL = -1


def wilson_interval(correct: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Confidence interval of a share; 95 % by default.

    Args:
        correct: number of successes.
        n: number of trials, above 0.
        z: normal quantile of the confidence level.

    Source: Wilson, 1927, "Probable Inference, the Law of Succession, and Statistical Inference".

    Example:
        >>> low, high = wilson_interval(9, 10)
        >>> round(low, 3), round(high, 3)
        (0.596, 0.982)
    """
    share = correct / n
    centre = share + z * z / (2 * n)
    spread = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, (centre - spread) / (1 + z * z / n)), min(1.0, (centre + spread) / (1 + z * z / n))


@dataclass(frozen=True)
class ClassScore:
    """Scores of one class; `n` is the number of its pictures."""

    name: str
    precision: float
    recall: float
    f1: float
    n: int


@dataclass(frozen=True)
class EvaluationResult:
    """What one pass over a split says about a network."""

    n: int
    correct: int
    top1: float
    top5: float
    loss: float
    interval: tuple[float, float]
    macro_f1: float
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)

    def table(self) -> str:
        """Per-class scores, one line a class."""
        width = max(len(score.name) for score in self.per_class)
        lines = [f"{'class':{width}}  precision  recall     f1     n"]
        lines += [
            f"{score.name:{width}}  {score.precision:9.3f}  {score.recall:6.3f}  {score.f1:5.3f}  {score.n:4d}"
            for score in self.per_class
        ]
        return "\n".join(lines)

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"top-1 {self.top1:.2%} (95% interval {low:.2%} to {high:.2%}, n={self.n})  "
            f"top-5 {self.top5:.2%}  loss {self.loss:.4f}  macro F1 {self.macro_f1:.3f}"
        )


class ClassificationCounts:
    """Sums that can be added over batches and ranks: confusion matrix, top-5 hits, loss.

    Args:
        num_classes: number of classes C.
    """

    def __init__(self, num_classes: int) -> None:
        self.confusion = np.zeros((num_classes, num_classes), np.int64)
        self.top5_hits = 0
        self.loss_sum = 0.0

    def add(self, logits: np.ndarray, labels: np.ndarray) -> None:
        """Count a batch; rows whose label is -1 are padding and count nothing.

        Args:
            logits: shape (B, C), float.
            labels: shape (B,), int.
        """
        real = labels != PADDING_LABEL
        logits, labels = np.asarray(logits, np.float64)[real], labels[real]
        rows = np.arange(len(labels))
        np.add.at(self.confusion, (labels, logits.argmax(1)), 1)
        # Rank of the true class; a tie counts against it, as argmax does for the later of two equal classes.
        own = logits[rows, labels][:, None]
        columns = np.arange(logits.shape[1])[None, :]
        ahead = (logits > own) | ((logits == own) & (columns < labels[:, None]))
        self.top5_hits += int((ahead.sum(1) < 5).sum())
        peak = logits.max(1)
        self.loss_sum += float((np.log(np.exp(logits - peak[:, None]).sum(1)) + peak - logits[rows, labels]).sum())

    def result(self, classes: Sequence[str], all_sum: Callable[[np.ndarray], np.ndarray]) -> EvaluationResult:
        """Sum over the ranks, then divide once.

        Args:
            classes: names in label order.
            all_sum: adds a float64 array over all ranks.
        """
        flat = np.concatenate([self.confusion.ravel(), [self.top5_hits, self.loss_sum]]).astype(np.float64)
        total = all_sum(flat)
        confusion = np.rint(total[:-2]).astype(np.int64).reshape(self.confusion.shape)
        n, correct = int(confusion.sum()), int(np.trace(confusion))
        hits, predicted, actual = np.diag(confusion), confusion.sum(0), confusion.sum(1)
        precision = hits / np.maximum(predicted, 1)
        recall = hits / np.maximum(actual, 1)
        f1 = 2 * hits / np.maximum(predicted + actual, 1)
        return EvaluationResult(
            n=n,
            correct=correct,
            top1=correct / n,
            top5=float(np.rint(total[-2])) / n,
            loss=float(total[-1]) / n,
            interval=wilson_interval(correct, n),
            macro_f1=float(f1.mean()),
            per_class=tuple(
                ClassScore(name, float(precision[i]), float(recall[i]), float(f1[i]), int(actual[i]))
                for i, name in enumerate(classes)
            ),
            confusion=tuple(tuple(int(v) for v in row) for row in confusion),
        )


class CountingMetric(ms.train.Metric):
    """Lets `Model.eval` fill a `ClassificationCounts`."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self._num_classes = num_classes
        self.clear()

    def clear(self) -> None:
        """Start a new pass."""
        self.counts = ClassificationCounts(self._num_classes)

    def update(self, *inputs: Any) -> None:
        """Count a batch of (logits, labels)."""
        logits, labels = inputs
        self.counts.add(logits.asnumpy(), labels.asnumpy())

    def eval(self) -> ClassificationCounts:
        """Return this rank's sums."""
        return self.counts
