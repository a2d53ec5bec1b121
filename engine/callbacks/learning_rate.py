"""Sets the learning rate before every step."""

from __future__ import annotations

from mindspore.train import RunContext

from engine.callbacks.base import RunCallback
from engine.run.records import Progress
from engine.step.learning_rate import Schedule
from engine.step.optimizer import GroupedOptimizer


class LearningRateSetter(RunCallback):
    """The learning rate is a function of the global step, so a run that goes on meets the right one.

    Args:
        optimizer: gets the rate.
        schedule: maps the step, from 0, to the rate.
        progress: tells the step and is told the rate.
    """

    def __init__(self, optimizer: GroupedOptimizer, schedule: Schedule, progress: Progress) -> None:
        super().__init__()
        self._optimizer = optimizer
        self._schedule = schedule
        self._progress = progress

    def on_train_step_begin(self, run_context: RunContext) -> None:
        """Set this step's rate."""
        lr = self._schedule(self._progress.step)
        if lr != self._progress.lr or self._progress.step_in_epoch == 0:
            self._optimizer.set_lr(lr)
            self._progress.lr = lr
