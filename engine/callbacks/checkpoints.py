"""Saves checkpoints at the end of epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engine.callbacks.base import RunCallback
from engine.checkpoint import CheckpointStore
from engine.config.schema import CheckpointConfig
from engine.records import EpochRecord, Progress


class CheckpointSaver(RunCallback):
    """Saves every n-th epoch, every best one, the last one, and where the run is interrupted.

    Args:
        store: writes them; None on ranks that do not write.
        config: the recipe's `train.checkpoint`.
        progress: where the run stands.
        description: what goes into each sidecar.
        weights: returns the parameters to save.
        state: returns the arrays and the plain values that a run needs to go on.
        monitor: name of the score.
    """

    def __init__(
        self,
        store: CheckpointStore | None,
        config: CheckpointConfig,
        progress: Progress,
        description: Mapping[str, Any],
        weights: Callable[[], Mapping[str, np.ndarray]],
        state: Callable[[], tuple[Mapping[str, np.ndarray], Mapping[str, Any]]],
        monitor: str,
    ) -> None:
        super().__init__()
        self._store = store
        self._config = config
        self._progress = progress
        self._description = {**description, "monitor": monitor}
        self._weights = weights
        self._state = state
        self._monitor = monitor

    def on_epoch(self, record: EpochRecord) -> None:
        """Save if this epoch is due, the best, or the last."""
        progress = self._progress
        is_last = record.epoch == progress.epochs or progress.stop_reason is not None or progress.interrupted
        if not (is_last or progress.is_best or record.epoch % self._config.every_epochs == 0):
            return
        self._save(record.epoch, getattr(record, self._monitor), progress.is_best)

    def on_interrupt(self) -> None:
        """Save inside an epoch."""
        self._save(self._progress.epoch, None, False)

    def _save(self, epoch: int, score: float | None, is_best: bool) -> None:
        weights, (arrays, notes) = self._weights(), self._state()
        if self._store is None:
            return
        path = self._store.save(
            weights,
            self._description,
            epoch=epoch,
            step=self._progress.step,
            score=score,
            is_best=is_best,
            state=arrays,
            state_notes=notes,
        )
        self._progress.last_checkpoint = str(path)
