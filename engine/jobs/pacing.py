"""A run that has only so much time: it is measured before it begins, and ends in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.config import Config
from engine.jobs.prepare import PreparedRun, warn_of_slow_average
from engine.jobs.rehearsal import Pace, rehearse


@dataclass(frozen=True)
class Pacing:
    """How much time a run has.

    Args:
        ask: told the pace, returns how many epochs to train, or raises what stops the run before it begins.
        ends: the moment on `clock` at which training stops, finished or not.
        clock: seconds, from any start.
    """

    ask: Callable[[Pace], int]
    ends: float
    clock: Callable[[], float] = time.monotonic

    def fit(self, config: Config, prepared: PreparedRun) -> Config:
        """Measure a run that has made no step; return its recipe with as many epochs as fit.

        One that goes on keeps the epochs that were fitted when it began.

        Args:
            config: the recipe.
            prepared: what the run is made of; its progress learns of the epochs.
        """
        if prepared.progress.step:
            prepared.progress.stop_reason = None  # the end of an earlier budget
        if config.train.epochs == 0 or prepared.progress.step:
            return config
        epochs = self.ask(rehearse(config, prepared, lambda: self.clock() >= self.ends))
        if epochs == config.train.epochs:
            return config
        prepared.progress.epochs = epochs
        fitted = with_epochs(config, epochs)
        warn_of_slow_average(fitted, epochs * prepared.progress.steps_per_epoch)
        return fitted


def with_epochs(config: Config, epochs: int) -> Config:
    """The same recipe over another number of epochs: the whole schedule is fitted to them, its warm-up too."""
    share = epochs / config.train.epochs if config.train.epochs else 1.0
    warmup = config.schedule.warmup_epochs * share
    return config.model_copy(
        update={
            "train": config.train.model_copy(update={"epochs": epochs}),
            "schedule": config.schedule.model_copy(
                update={"warmup_epochs": warmup, "decay_epochs": config.schedule.decay_epochs * share}
            ),
        }
    )
