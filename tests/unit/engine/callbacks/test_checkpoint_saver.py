"""What is on disk after epochs that are quicker than saving."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from engine.callbacks.checkpoints import CheckpointSaver
from engine.config.train_section import CheckpointConfig
from engine.run.checkpoint import CheckpointStore, Sidecar, load_state, read_checkpoint, verify
from engine.run.records import EpochEnd, EpochRecord, Progress

DESCRIPTION: dict[str, Any] = {
    "monitor": "val_top1",
    "classes": ["a", "b"],
    "preprocessing": {},
    "model": {},
    "parameters": {},
    "lora": None,
}


class Run:
    """A run of one weight that counts the epochs, whose score is given."""

    def __init__(self, folder: Path, epochs: int, **config: Any) -> None:
        self.progress = Progress(epochs=epochs, steps_per_epoch=10, global_batch=4)
        self.weight = np.zeros(1, np.float32)
        self.saver = CheckpointSaver(
            CheckpointStore(folder, DESCRIPTION, keep=10),
            CheckpointConfig(**config),
            self.progress,
            weights=lambda: {"weight": self.weight.copy()},
            state=lambda: ({"moment": self.weight.copy()}, {"epoch": self.progress.epoch}),
        )

    def epoch(self, score: float) -> None:
        progress = self.progress
        self.weight += 1
        progress.step += progress.steps_per_epoch
        is_best = progress.best_score is None or score > progress.best_score
        progress.best_score = max(score, progress.best_score or 0)
        record = EpochRecord(progress.epoch + 1, progress.step, 1.0, 0.5, 100.0, 1.0, 0.0, score, score, 1.0)
        progress.next_epoch(record)
        self.saver.on_epoch(EpochEnd(record, is_best, progress.is_over, score=score))


def saved(folder: Path) -> list[int]:
    return sorted(Sidecar.read(path).epoch for path in folder.glob("*.ckpt") if not path.is_symlink())


def contents(checkpoint: Path) -> tuple[int, float, float]:
    return verify(checkpoint).epoch, read_checkpoint(checkpoint)["weight"][0], load_state(checkpoint)[0]["moment"][0]


def test_every_epoch_is_saved_where_no_time_is_set(tmp_path: Path) -> None:
    run = Run(tmp_path, epochs=3)

    for score in (0.1, 0.3, 0.2):
        run.epoch(score)

    assert saved(tmp_path) == [1, 2, 3]


def test_quick_epochs_leave_the_first_the_best_and_the_last_as_they_were(tmp_path: Path) -> None:
    run = Run(tmp_path, epochs=5, min_seconds=1000)

    for score in (0.1, 0.3, 0.5, 0.4, 0.2):
        run.epoch(score)
    run.saver.close()

    assert saved(tmp_path) == [1, 3, 5]
    assert contents(tmp_path / "best.ckpt") == (3, 3.0, 3.0)
    assert contents(tmp_path / "last.ckpt") == (5, 5.0, 5.0)


def test_the_best_epoch_is_written_before_an_interrupted_one(tmp_path: Path) -> None:
    run = Run(tmp_path, epochs=5, min_seconds=1000)
    run.epoch(0.1)
    run.epoch(0.3)

    run.progress.step += 4
    run.saver.on_interrupt()

    assert verify(tmp_path / "best.ckpt").epoch == 2
    assert verify(tmp_path / "last.ckpt").step == 24


def test_a_run_that_fails_keeps_its_best_epoch(tmp_path: Path) -> None:
    run = Run(tmp_path, epochs=5, min_seconds=1000)
    run.epoch(0.1)
    run.epoch(0.3)

    run.saver.close()

    assert contents(tmp_path / "best.ckpt") == (2, 2.0, 2.0)


def test_time_passes_between_two_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("engine.callbacks.checkpoints.time", SimpleNamespace(monotonic=lambda: clock.now))
    run = Run(tmp_path, epochs=9, min_seconds=5)

    for now, score, expected in ((10, 0.1, [1]), (14, 0.2, [1]), (16, 0.15, [1, 2, 3])):
        clock.now = now
        run.epoch(score)
        assert saved(tmp_path) == expected

    assert verify(tmp_path / "best.ckpt").epoch == 2


def test_epochs_that_must_be_kept_cannot_be_skipped() -> None:
    with pytest.raises(ValidationError, match=r"min_seconds may skip the epochs of keep_every"):
        CheckpointConfig(keep_every=2, min_seconds=1)
