"""A run that is measured before it begins computes what it would have computed without, and ends in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

from engine.config import Config, load_config
from engine.jobs.pacing import Pacing, with_epochs
from engine.jobs.pictures import open_splits
from engine.jobs.rehearsal import Pace
from engine.jobs.start import FinishedRun, Start
from engine.jobs.train import train_on
from engine.run.budget import LeftOut
from engine.run.checkpoint import read_checkpoint
from engine.run.run_folder import RunFolder
from engine.runtime.start import Runtime
from tests.unit.engine.jobs.test_run_and_its_data import make_pictures


def config(folder: Path, name: str = "t") -> Config:
    """Momentum, an average of the weights, dropout and BatchNorm: whatever a step changes beside the weights."""
    return load_config(
        None,
        {
            "name": name, "output_dir": str(folder / "runs"), "data.cache_dir": str(folder / "cache"),
            "data.source": "image_folder", "data.path": str(folder / "data"), "data.batch_size": "6",
            "data.preprocessing": "{color: gray, resize: 28, image_size: 28, mean: [0.5], std: [0.3]}",
            "data.augmentation": "{horizontal_flip: 0.5}",
            "model": "{name: lenet5_modern}", "optimizer.lr": "0.01",
            "train.epochs": "4", "train.ema_decay": "0.5", "schedule.warmup_epochs": "1",
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("paced")
    make_pictures(root / "data")
    return root


def run(folder: Path, name: str, pacing: Pacing | None = None, mode: int = ms.PYNATIVE_MODE) -> FinishedRun:
    """Train; without compiling, which takes longer than all the rest."""
    ms.set_context(mode=mode)
    ms.set_seed(0)
    recipe = config(folder, name)
    return train_on(open_splits(recipe.data), recipe, Runtime("CPU"), Start(pacing=pacing))


def paced(epochs: int, ends: float = float("inf"), clock: Callable[[], float] = time.monotonic) -> Pacing:
    return Pacing(lambda pace: epochs, ends, clock)


def test_measuring_changes_nothing_of_what_is_trained(folder: Path) -> None:
    plain = run(folder, "plain", mode=ms.GRAPH_MODE)
    measured = run(folder, "measured", paced(4), mode=ms.GRAPH_MODE)
    one, other = (read_checkpoint(each.path / "checkpoints" / "last.ckpt") for each in (plain, measured))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_a_run_with_fewer_epochs_is_written_down_as_the_recipe_it_was(folder: Path) -> None:
    done = run(folder, "short", paced(2))
    kept = RunFolder(done.path).read_config()
    assert (done.epochs, kept.train.epochs, kept.schedule.warmup_epochs) == (2, 2, 0.5)


def test_what_is_left_out_leaves_no_folder(folder: Path) -> None:
    def refuse(pace: Pace) -> int:
        assert pace.epoch > 0
        raise LeftOut("too long")

    with pytest.raises(LeftOut):
        run(folder, "refused", Pacing(refuse, float("inf")))
    assert not list((folder / "runs").glob("refused*"))


def test_a_run_whose_time_ends_keeps_the_best_so_far_and_says_why_it_ended(folder: Path) -> None:
    looks = iter(range(10_000))
    # Three steps an epoch, each a look at the clock, and a look before and behind an epoch.
    done = run(folder, "cut", paced(4, ends=12, clock=lambda: next(looks)))
    assert 1 <= done.epochs < 4
    assert done.note is not None
    assert done.note.startswith("the time budget ended")
    assert (done.path / "checkpoints" / "best.ckpt").is_file()


def test_a_run_whose_time_ends_before_its_first_epoch_brings_nothing(folder: Path) -> None:
    looks = iter(range(10_000))
    with pytest.raises(LeftOut, match="inside epoch 1 of 4, which brought nothing to keep"):
        run(folder, "nothing", paced(4, ends=3, clock=lambda: next(looks)))


def test_the_whole_schedule_is_fitted_to_fewer_epochs(folder: Path) -> None:
    fitted = with_epochs(config(folder), 2)
    assert (fitted.schedule.warmup_epochs, fitted.schedule.decay_epochs) == (0.5, 15.0)
