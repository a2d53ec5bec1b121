"""Measures where the time of a run goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mindspore.train import RunContext

from engine.callbacks.base import RunCallback
from engine.run.records import EpochEnd
from engine.run.time_budget import TimeBudget


class TimeKeeper(RunCallback):
    """Adds up what passes between MindSpore's moments: two looks at a clock a step.

    Where a device computes while Python goes on, waiting for input overlaps with it: there the input's share is an
    upper bound. A loop of several steps at a time waits for batches inside of a moment, and says for how long.

    Args:
        input_seconds: how long the loop has waited for batches so far; None where the device takes them itself.
        clock: seconds, from any start.
    """

    def __init__(
        self, input_seconds: Callable[[], float | None] = lambda: 0.0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__()
        self._input_seconds, self._clock = input_seconds, clock
        self._since = self._waited_before = 0.0
        self._input_wait = self._evaluation = 0.0
        self._first_step: float | None = None
        self._later_steps, self._later_seconds = 0, 0.0

    def on_train_epoch_begin(self, run_context: RunContext) -> None:
        """The first batch is waited for from here on."""
        self._since = self._clock()

    def on_train_step_begin(self, run_context: RunContext) -> None:
        """The batch is there."""
        now = self._clock()
        self._input_wait += now - self._since
        self._since, self._waited_before = now, self._input_seconds() or 0.0

    def on_train_step_end(self, run_context: RunContext) -> None:
        """The next batch is waited for from here on."""
        now = self._clock()
        waited = (self._input_seconds() or 0.0) - self._waited_before
        self._input_wait += waited
        if self._first_step is None:
            self._first_step = now - self._since - waited
        else:
            self._later_steps += 1
            self._later_seconds += now - self._since - waited
        self._since = now

    def on_epoch(self, epoch: EpochEnd) -> None:
        """Take the time of its evaluation."""
        self._evaluation += epoch.record.eval_seconds

    @property
    def steps(self) -> int:
        """Steps that this process made, or windows of them."""
        return self._later_steps + (self._first_step is not None)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """What passes inside the block is evaluation."""
        began = self._clock()
        try:
            yield
        finally:
            self._evaluation += self._clock() - began

    def budget(self, total: float, prepare: float, checkpoint: float) -> TimeBudget:
        """Divide the time of the run.

        Args:
            total: seconds since the run began.
            prepare: of those, before the first step.
            checkpoint: of those, for checkpoints.
        """
        first = self._first_step or 0.0
        usual = self._later_seconds / self._later_steps if self._later_steps else 0.0
        compiling = max(0.0, first - usual)
        step = self._later_seconds + first - compiling
        known = prepare + compiling + self._input_wait + step + self._evaluation + checkpoint
        other = max(0.0, total - known)
        input_wait = None if self._input_seconds() is None else self._input_wait
        return TimeBudget(prepare, compiling, input_wait, step, self._evaluation, checkpoint, other)
