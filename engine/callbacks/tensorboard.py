"""Writes TensorBoard events."""

from __future__ import annotations

from pathlib import Path

from tensorboardX import SummaryWriter

from engine.callbacks.base import RunCallback
from engine.run.records import EpochEnd, StepRecord


class TensorBoard(RunCallback):
    """Curves over steps, through tensorboardX (MindSpore's own summary files are not readable by TensorBoard).

    Args:
        folder: where the event files are.
        done_steps: steps that the run has behind it; later points of older files no longer count.
    """

    def __init__(self, folder: Path, done_steps: int = 0) -> None:
        super().__init__()
        self._writer = SummaryWriter(logdir=str(folder), flush_secs=10, purge_step=done_steps + 1)

    def on_window(self, record: StepRecord) -> None:
        """Add the window's values."""
        for tag, value in (
            ("train/loss", record.loss),
            ("train/top1", record.top1),
            ("train/lr", record.lr),
            ("train/images_per_second", record.images_per_second),
            ("train/loss_scale", record.loss_scale),
            ("train/overflows", record.overflows),
        ):
            self._writer.add_scalar(tag, value, record.step)

    def on_epoch(self, epoch: EpochEnd) -> None:
        """Add the validation scores."""
        record = epoch.record
        for tag, value in (("val/top1", record.val_top1), ("val/top5", record.val_top5), ("val/loss", record.val_loss)):
            if value is not None:
                self._writer.add_scalar(tag, value, record.step)

    def close(self) -> None:
        """Flush and close the event file."""
        self._writer.close()
