"""summary.json: one run in a few numbers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from common.files import write_json
from common.results import EvaluationResult
from engine.config import Config
from engine.run.records import Progress
from engine.run.run_folder import RunFolder
from engine.run.time_budget import TimeBudget


@dataclass
class Stopwatch:
    """Wall time since the job began, and what of it went into features."""

    started: float = field(default_factory=time.perf_counter)
    features: float = 0.0

    def features_done(self) -> None:
        """Everything up to now was spent on features."""
        self.features = time.perf_counter() - self.started

    @property
    def total(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started


@dataclass(frozen=True)
class Costs:
    """What a run took.

    Args:
        parameters: number of values: total and trainable.
        resources: mean and peak CPU %, peak memory in MiB.
        watch: wall time.
        budget: where it went.
        saved_bytes: what must be kept beside the published weights.
    """

    parameters: Mapping[str, int]
    resources: Mapping[str, float | None]
    watch: Stopwatch
    budget: TimeBudget
    saved_bytes: int


def write_summary(
    run: RunFolder,
    config: Config,
    progress: Progress,
    results: Mapping[str, EvaluationResult],
    costs: Costs,
    refit: Mapping[str, int] | None = None,
) -> None:
    """Write summary.json.

    Args:
        run: where.
        config: the recipe.
        progress: the epochs.
        results: of the best checkpoint, by split.
        costs: parameters, time, memory, bytes.
        refit: pictures that the kept head was solved again on, by split, after val was scored.
    """
    watch = costs.watch
    train = sum(record.seconds for record in progress.history)
    images = sum(record.seconds * record.images_per_second for record in progress.history)
    summary: dict[str, object] = {
        "name": config.name,
        "seed": config.train.seed,
        "state": "finished",
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        **{f"{split}_top1": result.top1 for split, result in results.items()},
        **({} if refit is None else {"refit": {**refit, "val_top1": "of the head before the refit"}}),
        "parameters": dict(costs.parameters),
        "seconds": {
            "total": watch.total,
            "features": watch.features,
            "train": train,
            "eval": max(0.0, watch.total - watch.features - train),
        },
        "time_budget": costs.budget.seconds(),
        "images_per_second": images / train if train else None,
        **costs.resources,
        "saved_bytes": costs.saved_bytes,
    }
    write_json(run.path / "summary.json", summary)
