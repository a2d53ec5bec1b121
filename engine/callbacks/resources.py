"""Samples processor time and memory while a run goes on."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psutil
from mindspore.train import RunContext

from common.files import json_line
from engine.callbacks.base import RunCallback


class ResourceSampler(RunCallback):
    """A thread that appends to resources.jsonl: CPU % (100 is one core), resident memory, phase.

    What is sampled before `write_to` waits in memory.

    Args:
        interval: seconds between two samples.
    """

    def __init__(self, interval: float = 1.0) -> None:
        super().__init__()
        self.phase = "features"
        self._path: Path | None = None
        self._waiting: list[str] = []
        self._interval = interval
        self._process = psutil.Process()
        self._done = threading.Event()
        self._process.cpu_percent()
        self._samples: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._sample, name="resource-sampler", daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._done.wait(self._interval):
            cpu, rss = self._process.cpu_percent(), self._process.memory_info().rss / 2**20
            self._samples.append((cpu, rss))
            line = {"time": time.time(), "cpu_percent": cpu, "rss_mb": round(rss, 1), "phase": self.phase}
            self._waiting.append(json_line(line))
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as stream:
                    stream.writelines(self._waiting)
                self._waiting.clear()

    def write_to(self, path: Path) -> None:
        """From now on samples are appended to a file."""
        path.touch()
        self._path = path

    def on_train_epoch_begin(self, run_context: RunContext) -> None:
        """From now on samples are of training."""
        self.phase = "train"

    def on_train_epoch_end(self, run_context: RunContext) -> None:
        """From now on samples are of evaluation."""
        self.phase = "eval"

    def summary(self) -> dict[str, float | None]:
        """Mean and peak CPU %, peak memory in MiB; None where the run was shorter than a sample."""
        if not self._samples:
            return {"mean_cpu_percent": None, "peak_cpu_percent": None, "peak_rss_mb": None}
        cpu, rss = zip(*self._samples, strict=True)
        return {"mean_cpu_percent": sum(cpu) / len(cpu), "peak_cpu_percent": max(cpu), "peak_rss_mb": max(rss)}

    def close(self) -> None:
        """Stop the thread."""
        self._done.set()
        self._thread.join()
