"""What a run tells about itself while it goes on."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

from common.errors import RunError
from common.results import EvaluationResult

logger = logging.getLogger(__name__)


def whole_number(value: object) -> int:
    """Return a count as it is.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"a count was expected, not {value!r}")
    return value


@dataclass(frozen=True)
class StepRecord:
    """A window of training steps that ends with `step`."""

    step: int
    epoch: int
    loss: float
    top1: float
    lr: float
    images_per_second: float
    loss_scale: float
    overflows: int
    time: float


@dataclass(frozen=True)
class EpochRecord:
    """One finished epoch; validation values are None where the epoch was not evaluated."""

    epoch: int
    step: int
    train_loss: float
    train_top1: float
    images_per_second: float
    seconds: float
    time: float
    val_top1: float | None = None
    val_top5: float | None = None
    val_loss: float | None = None
    eval_seconds: float = 0.0

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> EpochRecord:
        """Read a line of metrics.jsonl; null is a number that was not finite, or was not measured.

        Raises:
            ValueError, KeyError: a value is of another type, or missing.
        """
        known: dict[str, Any] = {}
        for field_ in fields(cls):
            if field_.name not in values and field_.default is not MISSING:
                continue
            value = values[field_.name]
            if field_.name in ("epoch", "step"):
                known[field_.name] = whole_number(value)
            elif value is None:
                known[field_.name] = None if field_.default is None else math.nan
            elif isinstance(value, int | float) and not isinstance(value, bool):
                known[field_.name] = float(value)
            else:
                raise ValueError(f"{field_.name} is {value!r}")
        return cls(**known)

    def with_validation(self, result: EvaluationResult, seconds: float) -> EpochRecord:
        """The same epoch, evaluated."""
        return replace(self, val_top1=result.top1, val_top5=result.top5, val_loss=result.loss, eval_seconds=seconds)


@dataclass(frozen=True)
class EpochEnd:
    """What callbacks hear at the end of an epoch: its record, and what was decided about it.

    Args:
        record: the epoch.
        is_best: whether its score is the best so far.
        is_last: whether nothing is trained after it.
        lr: learning rate of its last step.
        score: the value that was monitored; None where the epoch was not evaluated.
    """

    record: EpochRecord
    is_best: bool = False
    is_last: bool = False
    lr: float = 0.0
    score: float | None = None


_RESTORED = (
    "epoch",
    "step",
    "step_in_epoch",
    "epoch_loss",
    "epoch_correct",
    "epoch_seconds",
    "overflows",
    "epoch_overflows",
    "best_score",
    "best_epoch",
    "evaluations_without_improvement",
    "stop_reason",
)


@dataclass
class Progress:
    """Where the run stands; the only value that callbacks share and change."""

    epochs: int
    steps_per_epoch: int
    global_batch: int
    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    epoch_loss: float = 0.0
    epoch_correct: float = 0.0
    epoch_seconds: float = 0.0
    lr: float = 0.0
    overflows: int = 0
    epoch_overflows: int = 0
    best_score: float | None = None
    best_epoch: int | None = None
    evaluations_without_improvement: int = 0
    stop_reason: str | None = None
    interrupted_by: int = 0
    last_checkpoint: str | None = None
    history: list[EpochRecord] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """What a run that goes on must know."""
        return {name: getattr(self, name) for name in (*_RESTORED, "global_batch")}

    def restore(self, values: Mapping[str, object]) -> None:
        """Go on from where `to_json` was taken.

        Raises:
            RunError: the global batch was another one, and the run stopped inside an epoch, where steps would not fit.
        """
        for name in _RESTORED:
            setattr(self, name, values.get(name, getattr(self, name)))  # an older version did not save all of them
        if values["global_batch"] == self.global_batch:
            return
        change = f"global batch {self.global_batch}, was {values['global_batch']}"
        if self.step_in_epoch:
            raise RunError(
                f"{change}: the run stopped inside epoch {self.epoch + 1}; go on with as many ranks as before"
            )
        logger.warning("%s: this run goes on, but not as it would have", change)
        self.step = self.epoch * self.steps_per_epoch

    @property
    def interrupted(self) -> bool:
        """Whether a signal (`interrupted_by`) has stopped the run."""
        return self.interrupted_by != 0

    @property
    def is_over(self) -> bool:
        """Whether no further step is made."""
        return self.epoch >= self.epochs or self.interrupted or self.stop_reason is not None

    def next_epoch(self, record: EpochRecord) -> None:
        """Count a finished epoch."""
        self.epoch, self.step_in_epoch = record.epoch, 0
        self.epoch_loss = self.epoch_correct = self.epoch_seconds = 0.0
        self.epoch_overflows = 0
        self.history.append(record)

    def stop(self, reason: str) -> None:
        """Ask the run to end after the current step or epoch; the first reason stays."""
        self.stop_reason = self.stop_reason or reason
