"""What is said about a result."""

from __future__ import annotations

from common.errors import TrainingError
from common.finite import is_finite
from common.results import EvaluationResult
from datazoo.pictures import Splits

_TAKE_ANOTHER = "take another checkpoint, or train again with a lower optimizer.lr or amp.level"


def require_finite_loss(result: EvaluationResult, where: str, remedy: str = _TAKE_ANOTHER) -> None:
    """Refuse a result of a network whose answers are not numbers.

    Args:
        result: of one split.
        where: which split, and with what.
        remedy: what to do.

    Raises:
        TrainingError: the loss is NaN or infinite.
    """
    if not is_finite(result.loss):
        raise TrainingError(f"the loss is {result.loss} on {where}: the network's outputs are not finite\n{remedy}")


def result_line(split: str, result: EvaluationResult, splits: Splits) -> str:
    """One line about a split, with a warning where training pictures are in it, or where it chose the checkpoint."""
    marks = ["LEAKING: holds training pictures"] if split in splits.leaking else []
    marks += ["CHOSEN ON TEST: val holds all of its pictures"] if split in splits.chosen_on else []
    return f"{split} ({'; '.join(marks)}): {result}" if marks else f"{split}: {result}"
