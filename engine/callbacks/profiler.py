"""Profiles a few steps with MindSpore's profiler."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import mindspore as ms
from mindspore.profiler import ProfilerActivity
from mindspore.train import RunContext

from common.errors import RunError
from common.files import write_json
from engine.callbacks.base import RunCallback
from engine.config.step_range import StepRange
from engine.run.profile_summary import summarise
from engine.run.records import Progress

logger = logging.getLogger(__name__)


class StepProfiler(RunCallback):
    """Starts before the first step of a range and stops after its last, or where the run ends before.

    Steps that are sunk together are profiled together.

    Args:
        steps: the range.
        folder: of what the profiler writes, and of `summary.json`.
        progress: where the run stands.
        device: `CPU` or `Ascend`.
        length: steps that run together.
        input_seconds: tells how long the host has waited for batches; None where the device takes them itself.
    """

    def __init__(
        self,
        steps: StepRange,
        folder: Path,
        progress: Progress,
        device: str,
        length: int,
        input_seconds: Callable[[], float | None],
    ) -> None:
        super().__init__()
        self._steps = steps
        self._folder = folder
        self._progress = progress
        self._device = device
        self._length = length
        self._input_seconds = input_seconds
        self._profile: ms.profiler.profile | None = None
        self._done = False

    def on_train_epoch_begin(self, run_context: RunContext) -> None:
        """Start if the range begins with the epoch."""
        self._start_if_due()

    def on_train_step_end(self, run_context: RunContext) -> None:
        """Stop after the last step, or start before the first."""
        if self._profile is not None and self._progress.step >= self._steps.last:
            self._stop()
        if self._progress.step_in_epoch < self._progress.steps_per_epoch:  # an evaluation is no step
            self._start_if_due()

    def on_train_epoch_end(self, run_context: RunContext) -> None:
        """Stop where the run ends inside the range: what follows are no steps."""
        if self._profile is not None:
            self._stop()

    def close(self) -> None:
        """Stop where a step has failed."""
        self.on_train_epoch_end(None)

    def _start_if_due(self) -> None:
        if self._done or self._profile is not None or self._progress.step + self._length < self._steps.first:
            return
        kinds = [ProfilerActivity.CPU, *([ProfilerActivity.NPU] if self._device == "Ascend" else [])]
        self._profile = ms.profiler.profile(
            activities=kinds,
            start_profile=False,
            on_trace_ready=ms.profiler.tensorboard_trace_handler(str(self._folder)),
        )
        self._profile.start()
        self._first = self._progress.step + 1
        self._waited = self._input_seconds()
        self._started = time.perf_counter()

    def _stop(self) -> None:
        assert self._profile is not None
        seconds, waited = time.perf_counter() - self._started, self._input_seconds()
        self._profile.stop()
        self._profile, self._done = None, True
        last = self._progress.step
        if last < self._first:
            logger.warning("profile %s: the run has ended before its first step was done", self._steps)
            return
        own = None if waited is None or self._waited is None else waited - self._waited
        try:
            summary = summarise(self._folder, self._device, self._first, last, seconds, own)
        except RunError as error:  # a profile is no reason to lose a run
            logger.warning("%s", error)
            return
        write_json(self._folder / "summary.json", asdict(summary))
        print(summary)
