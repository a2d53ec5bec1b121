"""Counts steps, measures windows of them, and stops on a loss that is not finite."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np
from mindspore.train import RunContext

from common.errors import TrainingError
from engine.callbacks.base import RunCallback
from engine.run.records import EpochRecord, Progress, StepRecord
from engine.step.train_step import StepOutputs

logger = logging.getLogger(__name__)

MAX_OVERFLOWS_IN_A_ROW = 50
DIVERGED_REMEDY = "lower optimizer.lr, lengthen schedule.warmup_epochs or set optimizer.clip_norm"
_OVERFLOW_REMEDY = "use amp.level O0, a lower amp.init_scale or a lower optimizer.lr"


class StepMonitor(RunCallback):
    """Reads the train step's outputs once a window, so that a device is not waited for at every step.

    Args:
        progress: where the run stands; its step counters are set here.
        log_every: steps in a window, or a few more where several are sunk together.
        listeners: callbacks that hear of every window.
        gather: returns every rank's array, in rank order.
        scale_falls: whether an overflow lowers the loss scale.

    Raises:
        TrainingError: a loss that is not finite, or gradients that overflow 50 times in a row.
    """

    def __init__(
        self,
        progress: Progress,
        log_every: int,
        listeners: Sequence[RunCallback],
        gather: Callable[[np.ndarray], list[np.ndarray]] = lambda values: [values],
        *,
        scale_falls: bool = False,
    ) -> None:
        super().__init__()
        self._scale_falls = scale_falls
        self._gather = gather
        self._progress = progress
        self._log_every = log_every
        self._listeners = listeners
        self._outputs: list[StepOutputs] = []
        self._steps_in_window = 0
        self._overflows_in_a_row = 0
        self._loss_scale = 1.0

    def on_train_epoch_begin(self, run_context: RunContext) -> None:
        """Start the clock; the epoch's sums are in `progress`, for a run that goes on inside an epoch."""
        self._started = self._window_start = time.perf_counter()

    def on_train_step_end(self, run_context: RunContext) -> None:
        """Count the step, or the steps that were sunk together; close the window if it is full."""
        progress = self._progress
        outputs = run_context.original_args().net_outputs
        steps = outputs[0].size
        progress.step += steps
        progress.step_in_epoch += steps
        self._steps_in_window += steps
        self._outputs.append(outputs)
        if self._steps_in_window >= self._log_every:
            self._close_window()
        if progress.stop_reason:
            run_context.request_stop()

    def on_train_epoch_end(self, run_context: RunContext) -> None:
        """Close the last, shorter window."""
        if self._outputs:
            self._close_window()
        self._progress.epoch_seconds += time.perf_counter() - self._started

    def epoch_record(self) -> EpochRecord:
        """The epoch that has just ended.

        Raises:
            TrainingError: gradients overflowed in all its steps, and further ones would not go better.
        """
        progress = self._progress
        self._check_epoch()
        images = max(1, progress.step_in_epoch) * progress.global_batch
        return EpochRecord(
            epoch=progress.epoch + 1,
            step=progress.step,
            train_loss=progress.epoch_loss / max(1, progress.step_in_epoch),
            train_top1=progress.epoch_correct / images,
            images_per_second=images / progress.epoch_seconds,
            seconds=progress.epoch_seconds,
            time=time.time(),
        )

    def _close_window(self) -> None:
        columns = zip(*self._outputs, strict=True)
        outputs = np.array([np.concatenate([v.asnumpy().reshape(-1) for v in column]) for column in columns], float)
        # All ranks see the same numbers, so all go on or stop together; the loss is the mean over equal batches.
        ranks = self._gather(outputs)
        losses, correct = np.mean([rank[0] for rank in ranks], axis=0), np.sum([rank[1] for rank in ranks], axis=0)
        scales, overflows = outputs[2], outputs[3] > 0
        first_step = self._progress.step - len(losses) + 1
        self._outputs.clear()
        self._steps_in_window = 0
        self._check(losses, overflows, first_step)
        seconds = time.perf_counter() - self._window_start
        kept = losses[~overflows]
        self._progress.epoch_loss += float(losses[np.isfinite(losses)].sum())
        self._progress.epoch_correct += float(correct.sum())
        self._progress.overflows += int(overflows.sum())
        self._progress.epoch_overflows += int(overflows.sum())
        self._loss_scale = float(scales[-1])
        record = StepRecord(
            step=self._progress.step,
            epoch=self._progress.epoch + 1,
            loss=float(kept.mean()) if len(kept) else float(losses[-1]),
            top1=float(correct.sum()) / (len(losses) * self._progress.global_batch),
            lr=self._progress.lr,
            images_per_second=len(losses) * self._progress.global_batch / seconds,
            loss_scale=float(scales[-1]),
            overflows=self._progress.overflows,
            time=time.time(),
        )
        for listener in self._listeners:
            listener.on_window(record)
        self._window_start = time.perf_counter()

    def _check(self, losses: np.ndarray, overflows: np.ndarray, first_step: int) -> None:
        saved = self._progress.last_checkpoint or "none yet"
        bad = np.flatnonzero(~np.isfinite(losses) & ~overflows)
        if len(bad):
            raise TrainingError(
                f"the loss is {losses[bad[0]]} at step {first_step + bad[0]} (epoch {self._progress.epoch + 1}); "
                f"last good checkpoint: {saved}\n"
                f"{DIVERGED_REMEDY}"
            )
        for overflow in overflows:
            self._overflows_in_a_row = self._overflows_in_a_row + 1 if overflow else 0
            if self._overflows_in_a_row >= MAX_OVERFLOWS_IN_A_ROW:
                raise TrainingError(
                    f"gradients overflowed in {MAX_OVERFLOWS_IN_A_ROW} steps in a row up to step "
                    f"{self._progress.step}; last good checkpoint: {saved}\n{_OVERFLOW_REMEDY}"
                )

    def _check_epoch(self) -> None:
        """Refuse an epoch without an update, unless a loss scale that still falls may mend it in the epochs to come."""
        progress, steps = self._progress, self._progress.step_in_epoch
        if not steps or progress.epoch_overflows < steps:
            return
        what = f"gradients overflowed in all {steps} steps of epoch {progress.epoch + 1}: it changed no weight"
        may_fall = self._scale_falls and self._loss_scale > 1
        by_chance = steps == 1 and progress.overflows < progress.step
        if by_chance or (may_fall and progress.epoch + 1 < progress.epochs):
            logger.warning("%s; the loss scale was %g", what, self._loss_scale)
            return
        saved = progress.last_checkpoint or "none yet"
        raise TrainingError(f"{what}; last good checkpoint: {saved}\n{_OVERFLOW_REMEDY}")
