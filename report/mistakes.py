"""Where a run errs: its classes' names, its most frequent mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from report.run_values import Evaluation, Run


@dataclass(frozen=True)
class Mistake:
    """Pictures of one class that were taken for another; `share` is of the true class."""

    count: int
    share: float
    true: str
    predicted: str


def class_names(run: Run, evaluation: Evaluation) -> tuple[str, ...]:
    """Names of the confusion matrix's rows: the first of the run's lists that fits, else numbers."""
    size = len(evaluation.confusion)
    for names in (run.classes, tuple(score.name for score in evaluation.per_class)):
        if len(names) == size:
            return names
    return tuple(f"class {index}" for index in range(size))


def worst_mistakes(names: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[Mistake]:
    """All mistakes, the most frequent first.

    Args:
        names: of the classes, in label order.
        confusion: counts; `confusion[true][predicted]`.
    """
    mistakes = [
        Mistake(count, count / sum(row), names[true], names[predicted])
        for true, row in enumerate(confusion)
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    return sorted(mistakes, key=lambda m: (-m.count, -m.share, m.true, m.predicted))
