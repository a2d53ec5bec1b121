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
    """Saves every n-th epoch, every best one and the last one.

    Args:
        store: writes them.
        config: the recipe's `train.checkpoint`.
        progress: where the run stands.
        description: what goes into each sidecar.
        weights: returns the parameters to save.
        state: returns the arrays and the plain values that a run needs to go on.
        monitor: name of the score.
    """

    def __init__(
        self,
        store: CheckpointStore,
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
        is_last = record.epoch == progress.epochs or progress.stop_reason is not None
        if not (is_last or progress.is_best or record.epoch % self._config.every_epochs == 0):
            return
        arrays, notes = self._state()
        path = self._store.save(
            self._weights(),
            self._description,
            epoch=record.epoch,
            step=record.step,
            score=getattr(record, self._monitor),
            is_best=progress.is_best,
            state=arrays,
            state_notes=notes,
        )
        progress.last_checkpoint = str(path)
