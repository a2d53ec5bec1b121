"""Saves checkpoints at the end of epochs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from engine.callbacks.base import RunCallback
from engine.config.train_section import CheckpointConfig
from engine.run.checkpoint import CheckpointStore, Snapshot
from engine.run.records import EpochEnd, Progress


class CheckpointSaver(RunCallback):
    """Saves every n-th epoch, every best one, the last one, and where the run is interrupted.

    Where epochs are quick, `min_seconds` keeps saving from taking longer than training: between two saves the best
    epoch waits in memory, and is written before whatever is saved next and at the end, however that comes. Only a
    killed process loses it, and with it no more than that time.

    Args:
        store: writes them; None on ranks that do not write.
        config: the recipe's `train.checkpoint`.
        progress: where the run stands.
        weights: returns the parameters to save.
        state: returns the arrays and the plain values that a run needs to go on.

    Attributes:
        seconds: wall time that saving has taken.
    """

    def __init__(
        self,
        store: CheckpointStore | None,
        config: CheckpointConfig,
        progress: Progress,
        weights: Callable[[], Mapping[str, np.ndarray]],
        state: Callable[[], tuple[Mapping[str, np.ndarray], Mapping[str, object]]],
    ) -> None:
        super().__init__()
        self._store = store
        self._config = config
        self._progress = progress
        self._weights = weights
        self._state = state
        self._waiting: Snapshot | None = None
        self._saved_at = -float("inf")
        self.seconds = 0.0

    def on_epoch(self, epoch: EpochEnd) -> None:
        """Save if this epoch is due, the best, or the last."""
        number = epoch.record.epoch
        if not (epoch.is_last or epoch.is_best or number % self._config.every_epochs == 0):
            return
        too_soon = not epoch.is_last and time.monotonic() - self._saved_at < self._config.min_seconds
        if too_soon and not epoch.is_best:
            return
        snapshot = self._snapshot(number, epoch.score, epoch.is_best)
        if epoch.is_best:
            self._waiting = None  # what waited is no longer the best
        if too_soon:
            self._waiting = snapshot
        else:
            self._write(snapshot)

    def on_interrupt(self) -> None:
        """Save inside an epoch."""
        self._write(self._snapshot(self._progress.epoch, None, False))

    def close(self) -> None:
        """Write the best epoch if it still waits."""
        if (waiting := self._waiting) is not None:
            self._waiting = None
            self._write(waiting)

    def _snapshot(self, epoch: int, score: float | None, is_best: bool) -> Snapshot:
        """The run as it is now; every rank takes part, since ranks may have to be collected."""
        began = time.monotonic()
        weights, (arrays, notes) = self._weights(), self._state()
        self.seconds += time.monotonic() - began
        return Snapshot(weights, epoch, self._progress.step, score, is_best, arrays, notes)

    def _write(self, snapshot: Snapshot) -> None:
        self.close()
        if self._store is not None:
            began = time.monotonic()
            self._progress.last_checkpoint = str(self._store.save(snapshot))
            self.seconds += time.monotonic() - began
            self._saved_at = time.monotonic()
