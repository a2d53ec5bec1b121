"""Progress on the console."""

from __future__ import annotations

import statistics
import sys

from mindspore.train import RunContext
from tqdm import tqdm

from common.durations import duration
from engine.callbacks.base import RunCallback
from engine.run.records import EpochEnd, Progress, StepRecord


class Console(RunCallback):
    """A bar with ETA on a terminal, one plain line per epoch elsewhere.

    Args:
        progress: where the run stands.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._bar: tqdm | None = None
        self._compiled = False

    def on_train_epoch_begin(self, run_context: RunContext) -> None:
        """Start the epoch's bar."""
        if not self._compiled:
            print("compiling the training step: the first one takes longer than all others", flush=True)
            self._compiled = True
        self._windows: list[float] = []
        self._bar = tqdm(
            total=self._progress.steps_per_epoch,
            initial=self._progress.step_in_epoch,
            desc=f"epoch {self._progress.epoch + 1}/{self._progress.epochs}",
            unit="step",
            leave=False,
            disable=not sys.stderr.isatty(),
        )

    def on_window(self, record: StepRecord) -> None:
        """Move the bar: loss of the window (average of the epoch), images/s, learning rate."""
        self._windows.append(record.loss)
        average = sum(self._windows) / len(self._windows)
        assert self._bar is not None
        self._bar.set_postfix_str(
            f"loss {record.loss:.4f} ({average:.4f}) {record.images_per_second:.0f} img/s lr {record.lr:.2e}"
        )
        self._bar.update(self._progress.step_in_epoch - self._bar.n)

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
        if not epoch.is_last:
            line += f"  {duration(self._seconds_left())} to go"
        print(line, flush=True)

    def _seconds_left(self) -> float:
        """What the epochs to come will take if they take what the last ones did; the first one compiles."""
        done = [record.seconds + record.eval_seconds for record in self._progress.history]
        return (self._progress.epochs - self._progress.epoch) * statistics.median(done[1:] or done)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
