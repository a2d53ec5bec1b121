"""Writes metrics.jsonl."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from common.files import json_line
from engine.callbacks.base import RunCallback
from engine.run.records import EpochEnd, StepRecord


class MetricsLog(RunCallback):
    """One JSON line per window of steps and per epoch, flushed as it is written."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._stream = path.open("a", encoding="utf-8", buffering=1)

    def on_window(self, record: StepRecord) -> None:
        """Append the window."""
        self._stream.write(json_line({"kind": "step", **asdict(record)}))

    def on_epoch(self, epoch: EpochEnd) -> None:
        """Append the epoch."""
        self._stream.write(json_line({"kind": "epoch", **asdict(epoch.record)}))

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
