"""Ends a run in good order when the machine is wanted back (SIGTERM)."""

from __future__ import annotations

import signal
from typing import Any

from engine.callbacks.base import RunCallback
from engine.records import EpochRecord, Progress
from engine.runtime.start import Runtime


class StopOnSignal(RunCallback):
    """Lets the step end, then asks to stop; all ranks stop after the same step, whichever of them got the signal.

    Args:
        progress: is told that the run was interrupted.
        runtime: the ranks.
        every: steps between two times that several ranks ask each other; one process looks after every step.
    """

    def __init__(self, progress: Progress, runtime: Runtime, every: int) -> None:
        super().__init__()
        self._progress = progress
        self._runtime = runtime
        self._every = every if runtime.size > 1 else 1
        self._asked = False
        self._previous: Any = signal.signal(signal.SIGTERM, self._note)

    def _note(self, number: int, frame: Any) -> None:
        self._asked = True

    def on_train_step_end(self, run_context: Any) -> None:
        """Stop inside an epoch."""
        if self._progress.step_in_epoch % self._every == 0 and self._runtime.any(self._asked):
            self._progress.interrupted = True
            run_context.request_stop()

    def on_epoch(self, record: EpochRecord) -> None:
        """Stop between two epochs."""
        self._progress.interrupted |= self._runtime.any(self._asked)

    def close(self) -> None:
        """Give the signal back."""
        signal.signal(signal.SIGTERM, self._previous)
