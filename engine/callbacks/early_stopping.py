"""Knows which epoch is the best so far, and stops when none gets better."""

from __future__ import annotations

from engine.callbacks.base import RunCallback
from engine.config.schema import EarlyStoppingConfig
from engine.run.records import EpochRecord, Progress


class EarlyStopping(RunCallback):
    """Marks the best epoch in `progress`; `best.ckpt` then points at it.

    Args:
        config: the recipe's `train.early_stopping`; where it is not enabled the best is marked all the same.
        progress: where the run stands.
    """

    def __init__(self, config: EarlyStoppingConfig, progress: Progress) -> None:
        super().__init__()
        self._config = config
        self._progress = progress

    def on_epoch(self, record: EpochRecord) -> None:
        """Compare the epoch's score with the best."""
        progress = self._progress
        progress.is_best = False
        score = getattr(record, self._config.monitor)
        if score is None:
            return
        sign = -1 if self._config.monitor == "val_loss" else 1
        if progress.best_score is None or sign * (score - progress.best_score) > self._config.min_delta:
            progress.best_score, progress.best_epoch, progress.is_best = score, record.epoch, True
            progress.evaluations_without_improvement = 0
            return
        progress.evaluations_without_improvement += 1
        if self._config.enabled and progress.evaluations_without_improvement >= self._config.patience:
            progress.stop(
                f"early stopping: {self._config.monitor} has not improved on {progress.best_score:.4f} "
                f"(epoch {progress.best_epoch}) for {self._config.patience} evaluations"
            )
