"""A run folder does not depend on the order of the callbacks."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import mindspore as ms
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine.config import load_config
from engine.jobs import train as job
from engine.runtime.start import Runtime

RECIPE = Path(__file__).resolve().parents[2] / "config" / "lenet5_digits.yaml"
# What depends on the clock.
CLOCK = ("time", "seconds", "images_per_second", "eval_seconds")


def train(folder: Path) -> Path:
    """Train until early stopping, with a best epoch that is not the last."""
    overrides = {
        "output_dir": str(folder), "train.epochs": "8", "optimizer.lr": "0.02", "schedule.name": "constant",
        "train.early_stopping.enabled": "true", "train.early_stopping.patience": "2",
        "train.early_stopping.monitor": "val_top1", "train.checkpoint.keep": "9",
        "train.log_every": "10",
    }  # fmt: skip
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_seed(0)
    return job.train(load_config(RECIPE, overrides), Runtime("CPU"))


def contents(run: Path) -> dict[str, Any]:
    """What a run folder says, without clocks."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    events = EventAccumulator(str(run)).Reload()
    tags = sorted(set(events.Tags()["scalars"]) - {"train/images_per_second"})
    return {
        "files": sorted(path.name for path in run.iterdir() if not path.name.startswith("events")),
        "checkpoints": {path.name: path.resolve().name for path in sorted((run / "checkpoints").iterdir())},
        "sidecars": {path.name: path.read_text() for path in sorted((run / "checkpoints").glob("*.json"))},
        "metrics": [{key: value for key, value in line.items() if key not in CLOCK} for line in lines],
        "events": {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags},
        "results": {path.name: path.read_text() for path in sorted(run.glob("eval_*.json"))},
    }


@pytest.fixture(scope="module")
def as_listed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return contents(train(tmp_path_factory.mktemp("as_listed")))


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_callbacks_leave_the_same_run_folder(
    as_listed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    fit = job.fit

    def shuffled(config: Any, parts: Any, callbacks: list[Any]) -> None:
        random.Random(seed).shuffle(callbacks)
        fit(config, parts, callbacks)

    monkeypatch.setattr(job, "fit", shuffled)
    found = contents(train(tmp_path))

    for part in as_listed:
        assert found[part] == as_listed[part], part


def test_the_best_epoch_of_that_run_is_not_its_last(as_listed: dict[str, Any]) -> None:
    assert as_listed["checkpoints"]["best.ckpt"] < as_listed["checkpoints"]["last.ckpt"]
