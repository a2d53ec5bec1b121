"""Tells a launcher that steps are being made."""

from __future__ import annotations

import time
from pathlib import Path

from mindspore.train import RunContext

from engine.callbacks.base import RunCallback
from engine.run.records import EpochEnd

_INTERVAL = 0.5  # seconds


class Heartbeat(RunCallback):
    """Touches a file at steps and epochs; a launcher that sees it grow old takes the job for hung.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._last = 0.0

    def on_train_step_end(self, run_context: RunContext) -> None:
        """A step was made."""
        if time.monotonic() - self._last > _INTERVAL:
            self._path.touch()
            self._last = time.monotonic()

    def on_epoch(self, epoch: EpochEnd) -> None:
        """An epoch was evaluated."""
        self._path.touch()

    def close(self) -> None:
        """Steps are over; what follows may take its time."""
        self._path.unlink(missing_ok=True)
