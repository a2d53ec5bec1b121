"""The methods that a time budget is spent on: how each is measured before it begins, and how it is run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import mindspore as ms
import numpy as np

from common.results import EvaluationResult
from datazoo.pictures import Splits
from engine.config import Config
from engine.jobs.budget_ladder import Ask, Scored
from engine.jobs.feed import FeatureSource
from engine.jobs.pacing import Pacing
from engine.jobs.rehearsal import Pace
from engine.jobs.start import FinishedRun, Start
from engine.jobs.train import train_on
from engine.run.budget import Forecast
from engine.runtime.start import Runtime

STARTING = 5.0
"""Seconds to keep for building a network, solving its head and saving it: a few on two x86 cores."""

COMPILING = 30.0
"""Seconds to keep for compiling a training step where none was compiled yet: below it nothing is begun to be measured.

MobileNetV2 took 15 to 25 s on two x86 cores.
"""

SCORING = 15.0
"""Seconds to keep for exporting a network that was trained on pictures, and scoring val with it."""


@dataclass
class Bench:
    """What all methods work on, and what was measured on the way.

    Args:
        splits: without test, which no method may see.
        runtime: device; one process.
        source: features of the published backbone.
        ends: the moment on `clock` at which all must be done.
        clock: seconds, from any start.
        goes_on: whether methods that an earlier start began are gone on with.
        resume_force: see `Start`.
    """

    splits: Splits
    runtime: Runtime
    source: FeatureSource
    ends: float
    clock: Callable[[], float] = time.monotonic
    goes_on: bool = False
    resume_force: bool = False
    feature_seconds: float | None = field(default=None, init=False)
    pace: Pace | None = field(default=None, init=False)

    def seconds_each(self) -> float:
        """How long the features of one view of a picture take; measured once."""
        if self.feature_seconds is None:
            self.feature_seconds = self.source.seconds_each(self.splits.train)
        return self.feature_seconds


@dataclass(frozen=True)
class BudgetMethod:
    """A recipe, as a method of a time budget.

    Args:
        name: what it is called.
        config: the recipe; its `output_dir` is the folder of the methods' runs.
        bench: what all methods work on.
    """

    name: str
    config: Config
    bench: Bench

    def run(self, ask: Ask) -> Scored:
        """Measure, ask, train, and score the validation pictures; see `Method`."""
        bench, on_features = self.bench, self.config.data.features.enabled
        if on_features:
            self._ask_for_features(ask)
        else:
            self._ask_for_measuring(ask)
        tail = 0.0 if on_features else SCORING

        def asked(pace: Pace) -> int:
            if not on_features:
                bench.pace = pace
            return ask(Forecast(tail, pace.epoch, self.config.train.epochs), part="training" if on_features else "")

        ms.set_seed(self.config.train.seed)  # as in a process of its own
        pacing = Pacing(asked, bench.ends - tail, bench.clock)
        start = Start("auto" if bench.goes_on else None, bench.resume_force and bench.goes_on, pacing=pacing)
        return self._scored(train_on(bench.splits, self.config, bench.runtime, start))

    def _scored(self, run: FinishedRun) -> Scored:
        return Scored(run.path.name, right_of(run.results["val"], self.bench.splits.val.labels), run.epochs, run.note)

    def _ask_for_features(self, ask: Ask) -> None:
        """Ask whether the features fit, and compute them: by the network that was built to measure how fast it is."""
        bench, views = self.bench, self.config.data.features.views
        own = bench.source.like(self.config)
        count = own.to_compute(bench.splits.train, views) + bench.source.to_compute(bench.splits.val, 1)
        if count == 0:
            ask(Forecast(STARTING), part=f"features of {views} view(s), cached")
            return
        each = bench.seconds_each()
        ask(Forecast(STARTING + count * each), part=f"features of {count} views at {1 / each:.0f}/s")
        own.of(bench.splits.train, views)
        bench.source.of(bench.splits.val, 1)

    def _ask_for_measuring(self, ask: Ask) -> None:
        """Ask whether there is any sense in measuring, which compiles: by what is known to take less."""
        bench, epochs = self.bench, self.config.train.epochs
        if bench.pace is not None:
            bound = Forecast(bench.pace.compiling + SCORING, bench.pace.epoch, epochs)
        else:
            forward = len(bench.splits.train) * (bench.feature_seconds or 0.0)
            bound = Forecast(COMPILING + SCORING, forward, epochs)
        ask(bound, is_bound=True)


def right_of(result: EvaluationResult, labels: np.ndarray) -> np.ndarray:
    """Whether each picture was right, bool (N,).

    Args:
        result: with answers.
        labels: (N,).
    """
    assert result.answers is not None
    return np.array([answer.predicted for answer in result.answers]) == labels
