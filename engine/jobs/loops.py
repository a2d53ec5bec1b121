"""Which way the steps of an epoch are run: the host acts before and after each of them, or after every n."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Protocol

from mindspore.train import LambdaCallback, Model, RunContext

from engine.callbacks.base import RunCallback
from engine.config import Config
from engine.jobs.feed import EpochSource
from engine.jobs.sunk_loop import DeviceSteps, HostSteps, SunkLoop
from engine.run.records import Progress
from engine.runtime.compute import use_jit_level
from engine.step.learning_rate import Schedule
from engine.step.optimizer import GroupedOptimizer
from engine.step.scheduled_step import ScheduledStep
from engine.step.sunk_step import SunkStep, common_length
from engine.step.train_step import TrainStep

logger = logging.getLogger(__name__)


class Loop(Protocol):
    """Runs the steps of an epoch and lets the callbacks hear of them."""

    @property
    def length(self) -> int:
        """Steps that run together, with nothing of the host between."""

    def input_seconds(self) -> float | None:
        """How long the host has waited for batches; None where the device takes them itself."""

    def run(self, callbacks: Sequence[RunCallback]) -> None:
        """Run what is left of the current epoch, or less if a callback asks to stop."""

    def close(self) -> None:
        """The run has ended, well or not."""


def make_loop(
    config: Config,
    step: TrainStep,
    optimizer: GroupedOptimizer,
    source: EpochSource,
    schedule: Schedule,
    progress: Progress,
    device: str,
) -> Loop:
    """Choose by the recipe's `train.sink` and the device, and say what was chosen.

    Args:
        config: the recipe.
        step: the training step.
        optimizer: gets the learning rate.
        source: the batches.
        schedule: the learning rate of each step of the run.
        progress: where the run stands.
        device: `CPU` or `Ascend`.
    """
    wanted = config.train.sink
    if wanted == "auto":
        on = device == "Ascend" and config.runtime.mode == "graph"
        wanted = config.train.log_every if on else "off"
    rates = [schedule(number) for number in range(max(1, progress.epochs * progress.steps_per_epoch))]
    scheduled = ScheduledStep(step, optimizer, rates, progress.step)
    if wanted == "off" or progress.is_over:
        use_jit_level(scheduled, config.runtime)
        return HostLoop(scheduled, source, schedule, progress)
    length = common_length(wanted, progress.steps_per_epoch, progress.step_in_epoch)
    where = (
        "" if device == "Ascend" else f" by the same graph; a {device} has no dataset sink, the host feeds each step"
    )
    fits = "" if length == wanted else f" ({wanted} does not divide the steps of an epoch)"
    logger.info("train.sink %s: %d step(s) at a time%s%s", config.train.sink, length, fits, where)
    cell = SunkStep(scheduled, length)
    use_jit_level(cell, config.runtime)
    return SunkLoop(
        cell, schedule, progress, (DeviceSteps if device == "Ascend" else HostSteps)(cell, source, progress)
    )


class HostLoop:
    """`Model.train`: the host hears of each step."""

    length = 1

    def __init__(self, step: ScheduledStep, source: EpochSource, schedule: Schedule, progress: Progress) -> None:
        self._model = Model(step)
        self._source = source
        self._progress = progress
        self._schedule = schedule
        self._input_seconds = 0.0
        self._waits_since: float | None = None

    def run(self, callbacks: Sequence[RunCallback]) -> None:
        """Run what is left of the current epoch."""
        epoch = self._progress.epoch
        batches = self._source.epoch(epoch, self._progress.step_in_epoch)
        listeners = [
            LambdaCallback(on_train_step_begin=self._begins),
            *callbacks,
            LambdaCallback(on_train_epoch_begin=self._waits, on_train_step_end=self._waits),
        ]
        self._model.train(epoch + 1, batches, callbacks=listeners, dataset_sink_mode=False, initial_epoch=epoch)

    def input_seconds(self) -> float:
        """The time from the last callback of a step, or of an epoch's beginning, to the first of the next step."""
        return self._input_seconds

    def _waits(self, _: RunContext) -> None:
        self._waits_since = time.perf_counter()

    def _begins(self, _: RunContext) -> None:
        if self._waits_since is not None:
            self._input_seconds += time.perf_counter() - self._waits_since
        self._progress.lr = self._schedule(self._progress.step)

    def close(self) -> None:
        """Nothing is held."""
