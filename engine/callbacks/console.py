"""Progress on the console."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from mindspore.train import RunContext
from tqdm import tqdm

from common.durations import duration
from engine.callbacks.base import RunCallback
from engine.run.records import EpochEnd, Progress, StepRecord

_BAR = "{desc} {percentage:3.0f}%|{bar}| {unit}"  # before {postfix} tqdm puts a comma


class Console(RunCallback):
    """On a terminal a bar over the whole run with what is to come, one plain line per epoch everywhere.

    Args:
        progress: where the run stands.
        clock: seconds, from any start.
    """

    def __init__(self, progress: Progress, clock: Callable[[], float] = time.perf_counter) -> None:
        super().__init__()
        self._progress = progress
        self._clock = clock
        self._bar: tqdm | None = None
        self._began: float | None = None
        self._first_step: float | None = None
        self._steps_behind = 0

    def on_train_epoch_begin(self, run_context: RunContext) -> None:
        """Start the epoch's bar."""
        progress = self._progress
        if self._began is None:
            print("compiling the training step: the first one takes longer than all others", flush=True)
            self._began, self._steps_behind = self._clock(), progress.step
        self._windows: list[float] = []
        self._bar = tqdm(
            total=progress.epochs * progress.steps_per_epoch,
            initial=progress.step,
            desc=f"epoch {progress.epoch + 1}/{progress.epochs}",
            bar_format=_BAR,
            unit="",
            mininterval=0,  # windows are rare enough
            miniters=1,
            leave=False,
            disable=not sys.stderr.isatty(),
        )

    def on_train_step_end(self, run_context: RunContext) -> None:
        """Take the time of the first step, which is compiled."""
        if self._first_step is None and self._began is not None:
            self._first_step, self._steps_behind = self._clock() - self._began, self._progress.step

    def on_window(self, record: StepRecord) -> None:
        """Move the bar: what is to come, loss of the window (average of the epoch), images/s, learning rate."""
        self._windows.append(record.loss)
        average = sum(self._windows) / len(self._windows)
        assert self._bar is not None
        left = self._seconds_left()
        self._bar.unit = (
            f"{'' if left is None else f'{duration(left)} to go, '}loss {record.loss:.4f} ({average:.4f}) "
            f"{record.images_per_second:.0f} img/s lr {record.lr:.2e}"
        )
        self._bar.update(self._progress.step - self._bar.n)

    def on_epoch(self, epoch: EpochEnd) -> None:
        """Print the epoch's line."""
        self.close()
        record = epoch.record
        if record.epoch == 0:  # nothing was trained
            print(f"the solved head  val top-1 {record.val_top1:.2%}  val loss {record.val_loss:.4f}", flush=True)
            return
        line = (
            f"epoch {record.epoch}/{self._progress.epochs}  loss {record.train_loss:.4f}  "
            f"train top-1 {record.train_top1:.2%}  {record.images_per_second:.0f} img/s  "
            f"lr {epoch.lr:.2e}"
        )
        if record.val_top1 is not None:
            line += f"  val top-1 {record.val_top1:.2%}  val loss {record.val_loss:.4f}"
        if epoch.is_best:
            line += "  (best)"
        if not epoch.is_last and (left := self._seconds_left()) is not None:
            line += f"  {duration(left)} to go"
        print(line, flush=True)

    def _seconds_left(self) -> float | None:
        """What is to come will take as long as what was; None where there is only the step that was compiled."""
        progress = self._progress
        epoch = self._seconds_of_epoch()
        done = progress.epoch + progress.step_in_epoch / progress.steps_per_epoch
        return None if epoch is None else epoch * (progress.epochs - done)

    def _seconds_of_epoch(self) -> float | None:
        """The usual length of an epoch with its evaluation, without the compilation."""
        history = self._progress.history
        if len(history) > 1:
            return statistics.median(record.seconds + record.eval_seconds for record in history[1:])
        steps = self._progress.step - self._steps_behind
        if self._began is None or self._first_step is None or not steps:
            return history[0].seconds + history[0].eval_seconds if history else None
        later = self._clock() - self._began - self._first_step
        return later / steps * self._progress.steps_per_epoch

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
