"""What an evaluation says: accuracy with its interval, per-class scores, confusion matrix."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from common.columns import cells, padded
from common.names import printable


@dataclass(frozen=True)
class ClassScore:
    """Scores of one class; `n` is the number of its pictures."""

    name: str
    precision: float
    recall: float
    f1: float
    n: int


@dataclass(frozen=True)
class Answer:
    """What a network takes one picture for.

    Args:
        predicted: class index; -1 where the picture could not be read.
        confidence: probability of that class.
    """

    predicted: int
    confidence: float


@dataclass(frozen=True)
class EvaluationResult:
    """What one pass over a split says about a network; `answers` are of every picture, in order, where asked for."""

    n: int
    correct: int
    top1: float
    top5: float
    loss: float
    interval: tuple[float, float]
    macro_f1: float
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    answers: tuple[Answer, ...] | None = None

    def to_json(self) -> dict[str, object]:
        """Plain values for a JSON file; the answers have a file of their own."""
        values = asdict(replace(self, answers=None))
        del values["answers"]
        return values

    def table(self) -> str:
        """Per-class scores, one line a class."""
        names = [printable(score.name) for score in self.per_class]
        width = max(map(cells, ["class", *names]))
        lines = [f"{'class':{width}}  precision  recall     f1     n"]
        lines += [
            f"{padded(name, width)}  {score.precision:9.3f}  {score.recall:6.3f}  {score.f1:5.3f}  {score.n:4d}"
            for name, score in zip(names, self.per_class, strict=True)
        ]
        return "\n".join(lines)

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"top-1 {self.top1:.2%} (95% interval {low:.2%} to {high:.2%}, n={self.n})  "
            f"top-5 {self.top5:.2%}  loss {self.loss:.4f}  macro F1 {self.macro_f1:.3f}"
        )
