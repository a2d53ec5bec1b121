"""Sums that make a classification result: confusion matrix, top-5 hits, loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from common.intervals import wilson_interval
from common.results import Answer, ClassScore, EvaluationResult

PADDING_LABEL = -1


class ClassificationCounts:
    """Sums that can be added over batches and ranks: confusion matrix, top-5 hits, loss.

    Args:
        num_classes: number of classes C.
    """

    def __init__(self, num_classes: int) -> None:
        self.confusion = np.zeros((num_classes, num_classes), np.int64)
        self.top5_hits = 0
        self.loss_sum = 0.0
        self._answers: list[np.ndarray] = []

    def add(self, logits: np.ndarray, labels: np.ndarray) -> None:
        """Count a batch; rows whose label is -1 are padding and count nothing.

        Args:
            logits: shape (B, C), float.
            labels: shape (B,), int.
        """
        real = labels != PADDING_LABEL
        self._answers.append(_answers(logits, real))
        logits, labels = np.asarray(logits, np.float64)[real], labels[real]
        rows = np.arange(len(labels))
        np.add.at(self.confusion, (labels, logits.argmax(1)), 1)
        # Rank of the true class; a tie counts against it, as argmax does for the later of two equal classes.
        own = logits[rows, labels][:, None]
        columns = np.arange(logits.shape[1])[None, :]
        ahead = (logits > own) | ((logits == own) & (columns < labels[:, None]))
        self.top5_hits += int((ahead.sum(1) < 5).sum())
        peak = logits.max(1)
        with np.errstate(invalid="ignore", over="ignore"):  # answers that are no numbers make a loss that is none
            self.loss_sum += float((np.log(np.exp(logits - peak[:, None]).sum(1)) + peak - logits[rows, labels]).sum())

    def answers(self, pictures: int, gather: Callable[[bytes], list[bytes]]) -> tuple[Answer, ...]:
        """Collect every picture's answer over the ranks, in the split's order.

        Args:
            pictures: of the whole split, of which every rank has counted a contiguous chunk, and then padding.
            gather: returns every rank's bytes, in rank order.
        """
        mine = np.concatenate(self._answers) if self._answers else np.empty((0, 2), np.float64)
        parts = [np.frombuffer(part, np.float64).reshape(-1, 2) for part in gather(mine.tobytes())]
        chunk = -(-pictures // len(parts))
        rows = np.concatenate([part[:chunk] for part in parts])[:pictures]
        return tuple(Answer(int(predicted), float(confidence)) for predicted, confidence in rows)

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
            macro_f1=float(f1[predicted + actual > 0].mean()),  # a class that nobody met says nothing
            per_class=tuple(
                ClassScore(name, float(precision[i]), float(recall[i]), float(f1[i]), int(actual[i]))
                for i, name in enumerate(classes)
            ),
            confusion=tuple(tuple(int(v) for v in row) for row in confusion),
        )


def _answers(logits: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Predicted class and its probability of each row, float64 (B, 2); -1 and 0 where a row shows no picture."""
    logits = np.asarray(logits, np.float64)
    predicted = logits.argmax(1)
    with np.errstate(invalid="ignore", over="ignore"):
        confidence = 1.0 / np.exp(logits - logits.max(1, keepdims=True)).sum(1)
    return np.stack([np.where(real, predicted, -1), np.where(real, confidence, 0.0)], axis=1)
