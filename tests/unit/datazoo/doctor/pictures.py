"""Picture files and ranks to test with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from datazoo.doctor.memory import PictureMemory


def write_picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 20, 3), np.uint8)).save(path)
    return path


def write_dataset(folder: Path) -> Path:
    """Three splits of two classes of four pictures."""
    for number, split in enumerate(("train", "val", "test")):
        for label, name in enumerate(("a", "b")):
            for index in range(4):
                write_picture(folder / split / name / f"{index}.png", 100 * number + 10 * label + index)
    return folder


def later() -> int:
    """A clock that says the files were written long ago."""
    return time.time_ns() + 3_600_000_000_000


def memory_of(folder: Path) -> PictureMemory:
    return PictureMemory(folder / "pictures.sqlite", clock=later)


def on_ranks(count: int, work: Callable[[int, Callable[[bytes], list[bytes]]], Any]) -> list[Any]:
    """Do the work of several ranks in threads; return their results or exceptions, in rank order."""
    barrier, sent, results = threading.Barrier(count, timeout=30), [b""] * count, [None] * count

    def run(rank: int) -> None:
        def gather(content: bytes) -> list[bytes]:
            sent[rank] = content
            barrier.wait()
            answers = list(sent)
            barrier.wait()
            return answers

        try:
            results[rank] = work(rank, gather)
        except Exception as error:
            results[rank] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
