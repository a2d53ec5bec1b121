"""Which epoch is the best so far, and when to stop because none gets better."""

from __future__ import annotations

from common.finite import is_finite
from engine.config.train_section import EarlyStoppingConfig
from engine.run.records import EpochRecord, Progress


class BestEpoch:
    """Judges epochs by their validation score.

    Args:
        config: the recipe's `train.early_stopping`; where it is not enabled the best is known all the same.
        progress: keeps the best score, and is asked to stop.
    """

    def __init__(self, config: EarlyStoppingConfig, progress: Progress) -> None:
        self._config = config
        self._progress = progress

    def score(self, record: EpochRecord) -> float | None:
        """The score that counts; None where the epoch was not evaluated."""
        value: float | None = getattr(record, self._config.monitor)
        return value

    def judge(self, record: EpochRecord) -> bool:
        """Return whether this epoch is the best so far; stop the run if none has been for too long."""
        progress, score = self._progress, self.score(record)
        if score is None or not is_finite(score):
            return False
        sign = -1 if self._config.monitor == "val_loss" else 1
        best = progress.best_score
        if best is None or not is_finite(best) or sign * (score - best) > self._config.min_delta:
            progress.best_score, progress.best_epoch = score, record.epoch
            progress.evaluations_without_improvement = 0
            return True
        progress.evaluations_without_improvement += 1
        if self._config.enabled and progress.evaluations_without_improvement >= self._config.patience:
            progress.stop(
                f"early stopping: {self._config.monitor} has not improved on {best:.4f} "
                f"(epoch {progress.best_epoch}) for {self._config.patience} evaluations"
            )
        return False
