"""Ends a run in good order: on Ctrl-C, when the machine is wanted back (SIGTERM), when the terminal is closed."""

from __future__ import annotations

import time
from types import FrameType
from typing import Any

import numpy as np
from mindspore.train import RunContext

from common.signals import install, pass_to, restore
from engine.callbacks.base import RunCallback
from engine.run.records import Progress
from engine.runtime.start import Runtime

_SECONDS_BETWEEN_QUESTIONS = 1.0


class StopOnSignal(RunCallback):
    """Lets the step end, then asks to stop; all ranks stop after the same step, whichever of them got the signal.

    One process looks after every step. Several ranks ask each other about once a second; after how many steps that is,
    they agree on whenever they ask. A second signal ends the run at once, and so does one before the first step has
    ended: while MindSpore compiles there is nothing to save.

    Args:
        progress: is told that the run was interrupted.
        runtime: the ranks.
    """

    def __init__(self, progress: Progress, runtime: Runtime) -> None:
        super().__init__()
        self._progress = progress
        self._runtime = runtime
        self._signalled = 0  # the number of the signal
        self._stepped = False
        self._steps_between_questions = 1
        self._steps_since_question = 0
        self._last_question = time.monotonic()
        self._previous = install(self._note)

    def _note(self, number: int, frame: FrameType | None, previous: Any) -> None:
        if self._signalled or not self._stepped:
            pass_to(previous, number, frame)
        self._signalled = number

    def on_train_step_end(self, run_context: RunContext) -> None:
        """Stop inside an epoch."""
        self._stepped = True
        self._steps_since_question += 1
        if self._steps_since_question >= self._steps_between_questions and (number := self._any_signalled()):
            self._progress.interrupted_by = number
            run_context.request_stop()

    def between_epochs(self) -> None:
        """Stop here if that was asked for; before anything is decided about the epoch that has ended."""
        self._progress.interrupted_by = self._any_signalled()

    def _any_signalled(self) -> int:
        if self._runtime.world_size == 1:
            return self._signalled
        now = time.monotonic()
        step_seconds = (now - self._last_question) / max(1, self._steps_since_question)
        answers = self._runtime.gather_array(np.array([self._signalled, step_seconds]))
        signalled, slowest = np.max(answers, axis=0)
        self._steps_between_questions = max(1, int(_SECONDS_BETWEEN_QUESTIONS / max(slowest, 1e-6)))
        self._steps_since_question, self._last_question = 0, now
        return int(signalled)

    def close(self) -> None:
        """Give the signals back."""
        restore(self._previous)
