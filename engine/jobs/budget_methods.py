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
from engine.jobs.feed import FeatureSource, FeatureSpeed
from engine.jobs.pacing import Pacing
from engine.jobs.rehearsal import Pace
from engine.jobs.train import FinishedRun, Start, train_on
from engine.run.budget import Forecast
from engine.runtime.start import Runtime

STARTING = 5.0
"""Seconds to keep for building a network, solving its head and saving it: a few on two x86 cores."""

COMPILING = 30.0
"""Seconds to keep for compiling a training step where none was compiled yet: below it nothing is begun to be measured.

MobileNetV2 took 15 to 25 s on two x86 cores.
"""

SCORING = 15.0
"""Seconds to keep for exporting a trained network and scoring val with it, before that was measured once."""


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
    features: FeatureSpeed | None = field(default=None, init=False)
    pace: Pace | None = field(default=None, init=False)
    scoring: float = field(default=SCORING, init=False)

    def feature_speed(self) -> FeatureSpeed:
        """How fast features are computed; measured once."""
        if self.features is None:
            self.features = self.source.speed(self.splits.train)
        return self.features


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
        if self.config.data.features.enabled:
            self._ask_for_features(ask)
        else:
            self._ask_for_measuring(ask)
        bench = self.bench
        # What it costs to score a network that was trained on pictures, which is exported for that.
        tail = 0.0 if self.config.data.features.enabled else bench.scoring
        part = "training" if self.config.data.features.enabled else ""

        def asked(pace: Pace) -> int:
            if not self.config.data.features.enabled:
                bench.pace = pace
            return ask(Forecast(tail, pace.epoch, self.config.train.epochs), part=part)

        ms.set_seed(self.config.train.seed)  # as in a process of its own
        pacing = Pacing(asked, bench.ends - tail, bench.clock)
        resume = "auto" if bench.goes_on else None
        start = Start(resume, bench.resume_force and bench.goes_on, pacing=pacing)
        return self._scored(train_on(bench.splits, self.config, bench.runtime, start))

    def _scored(self, run: FinishedRun) -> Scored:
        return Scored(run.path.name, right_of(run.results["val"], self.bench.splits.val.labels), run.epochs, run.note)

    def _ask_for_features(self, ask: Ask) -> None:
        bench, views = self.bench, self.config.data.features.views
        count = self._own_source().to_compute(bench.splits.train, views) + bench.source.to_compute(bench.splits.val, 1)
        if count == 0:
            ask(Forecast(STARTING), part=f"features of {views} view(s), cached")
            return
        speed = bench.feature_speed()
        seconds = STARTING + speed.build + count * speed.each
        ask(Forecast(seconds), part=f"features of {count} views at {1 / speed.each:.0f}/s")

    def _own_source(self) -> FeatureSource:
        return self.bench.source.like(self.config)

    def _ask_for_measuring(self, ask: Ask) -> None:
        """Ask whether there is any sense in measuring, which compiles: by what is known to take less."""
        bench, epochs = self.bench, self.config.train.epochs
        if bench.pace is not None:
            bound = Forecast(bench.pace.compiling + bench.scoring, bench.pace.epoch, epochs)
        else:
            forward = 0.0 if bench.features is None else len(bench.splits.train) * bench.features.each
            bound = Forecast(COMPILING + bench.scoring, forward, epochs)
        ask(bound, is_bound=True)


def right_of(result: EvaluationResult, labels: np.ndarray) -> np.ndarray:
    """Whether each picture was right, bool (N,).

    Args:
        result: with answers.
        labels: (N,).
    """
    assert result.answers is not None
    return np.array([answer.predicted for answer in result.answers]) == labels
