"""Whoever is killed while checkpoints are written leaves whole ones."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import mindspore as ms
import numpy as np

from engine.run.checkpoint import CheckpointStore, Snapshot, verify

DESCRIPTION = {
    "monitor": "val_top1",
    "classes": ["a", "b"],
    "preprocessing": {},
    "model": {},
    "parameters": {"total": 500_000, "trainable": 500_000},
    "lora": None,
}


def _save_for_ever(folder: Path) -> None:
    store = CheckpointStore(folder, DESCRIPTION)
    for epoch in range(1, 10_000):
        store.save(
            Snapshot({"layer.weight": np.full(500_000, epoch, np.float32)}, epoch, epoch, is_best=epoch % 2 == 0)
        )


def test_killing_the_writer_at_any_moment_leaves_whole_checkpoints(tmp_path: Path) -> None:
    rng = random.Random(0)
    context = multiprocessing.get_context("fork")
    seen = 0
    for attempt in range(12):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        writer = context.Process(target=_save_for_ever, args=(folder,))
        writer.start()
        # The first ones are killed before anything is whole, or while it is made.
        while attempt > 2 and writer.is_alive() and not (folder / "best.ckpt").exists():
            time.sleep(0.001)
        time.sleep(rng.random() * 0.25)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()

        for name in ("last.ckpt", "best.ckpt"):
            if (folder / name).is_symlink():
                seen += 1
                epoch = verify(folder / name).epoch
                loaded = ms.load_checkpoint(str((folder / name).resolve()))
                assert (loaded["layer.weight"].asnumpy() == epoch).all()
    assert seen >= 18, "the writer was killed before it had written anything"
