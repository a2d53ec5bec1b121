"""Ends training when the time that it was given is over."""

from __future__ import annotations

from collections.abc import Callable

from mindspore.train import RunContext

from engine.callbacks.base import RunCallback
from engine.run.records import EpochEnd, Progress


class Deadline(RunCallback):
    """Stops after the step in which the end comes, and after an epoch behind which another one would not fit.

    The recipe's epochs were fitted to the time before: this is for a machine that got slower since.

    Args:
        progress: is asked to stop.
        ends: the moment on `clock`.
        clock: seconds, from any start.
    """

    def __init__(self, progress: Progress, ends: float, clock: Callable[[], float]) -> None:
        super().__init__()
        self._progress = progress
        self._ends = ends
        self._clock = clock
        self._began = clock()
        self._evaluation = 0.0

    def on_train_epoch_begin(self, run_context: RunContext) -> None:
        """An epoch is as long as the one before."""
        self._began = self._clock()

    def on_train_step_end(self, run_context: RunContext) -> None:
        """Stop inside an epoch."""
        progress = self._progress
        if self._clock() >= self._ends and progress.step_in_epoch < progress.steps_per_epoch:
            progress.stop(f"the time budget ended inside epoch {progress.epoch + 1} of {progress.epochs}")
            run_context.request_stop()

    def on_train_epoch_end(self, run_context: RunContext) -> None:
        """Stop behind an epoch; before it is evaluated, so that it counts as the last one."""
        now, progress = self._clock(), self._progress
        another = now - self._began + self._evaluation
        if progress.epoch + 1 < progress.epochs and now + self._evaluation + another > self._ends:
            progress.stop(f"the time budget ended after epoch {progress.epoch + 1} of {progress.epochs}")

    def on_epoch(self, epoch: EpochEnd) -> None:
        """Learn how long an evaluation takes."""
        self._evaluation = epoch.record.eval_seconds
