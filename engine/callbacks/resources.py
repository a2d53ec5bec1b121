"""Samples processor time, memory and NPUs while a run goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import psutil
from mindspore.train import RunContext

from common.files import json_line
from common.npu_smi import NpuSmiError, NpuStatus
from engine.callbacks.base import RunCallback

logger = logging.getLogger(__name__)


class ResourceSampler(RunCallback):
    """A thread that appends to resources.jsonl: CPU % (100 is one core), resident memory, phase; now and then NPUs.

    What is sampled before `write_to` waits in memory.

    Args:
        interval: seconds between two samples.
        npus: asks for the job's cards, on the main rank's node; None where there are none. It starts a program that
            takes up to seconds, so it is asked rarely, and no more once it has failed.
        npu_interval: least number of seconds between two samples of them.
    """

    def __init__(
        self,
        interval: float = 1.0,
        npus: Callable[[], Sequence[NpuStatus]] | None = None,
        npu_interval: float = 20.0,
    ) -> None:
        super().__init__()
        self.phase = "features"
        self._path: Path | None = None
        self._waiting: list[str] = []
        self._interval = interval
        self._npus, self._npu_interval, self._npus_due = npus, npu_interval, time.monotonic()
        self._counts_npus = npus is not None
        self._process = psutil.Process()
        self._done = threading.Event()
        self._process.cpu_percent()
        self._samples: list[tuple[float, float]] = []
        self._npu_samples: list[NpuStatus] = []
        self._thread = threading.Thread(target=self._sample, name="resource-sampler", daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._done.wait(self._interval):
            cpu, rss = self._process.cpu_percent(), self._process.memory_info().rss / 2**20
            self._samples.append((cpu, rss))
            line: dict[str, object] = {"time": time.time(), "cpu_percent": cpu, "rss_mb": round(rss, 1)}
            line["phase"] = self.phase
            if npus := self._sample_npus():
                self._npu_samples += npus
                line["npus"] = [_values(npu) for npu in npus]
            self._waiting.append(json_line(line))
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as stream:
                    stream.writelines(self._waiting)
                self._waiting.clear()

    def _sample_npus(self) -> Sequence[NpuStatus]:
        if self._npus is None or time.monotonic() < self._npus_due:
            return ()
        try:
            npus = self._npus()
        except NpuSmiError as error:
            logger.warning("%s: use, memory and temperature of the NPUs are not recorded from here on", error)
            self._npus = None
            return ()
        self._npus_due = time.monotonic() + self._npu_interval
        return npus

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
        """Mean and peak CPU %, peak memory in MiB, and of the NPUs where there are any; None is "not sampled"."""
        cpu, rss = zip(*self._samples, strict=True) if self._samples else ((), ())
        values: dict[str, float | None] = {
            "mean_cpu_percent": _mean(cpu),
            "peak_cpu_percent": max(cpu, default=None),
            "peak_rss_mb": max(rss, default=None),
        }
        if self._counts_npus:
            values |= {
                "mean_npu_percent": _mean(_known(npu.use_percent for npu in self._npu_samples)),
                "peak_npu_memory_mb": max(_known(npu.memory_mb for npu in self._npu_samples), default=None),
                "peak_npu_celsius": max(_known(npu.celsius for npu in self._npu_samples), default=None),
            }
        return values

    def close(self) -> None:
        """Stop the thread."""
        self._done.set()
        self._thread.join()


def _values(npu: NpuStatus) -> dict[str, object]:
    return {
        "npu": npu.npu,
        "chip": npu.chip,
        "use_percent": npu.use_percent,
        "memory_mb": npu.memory_mb,
        "celsius": npu.celsius,
    }


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
