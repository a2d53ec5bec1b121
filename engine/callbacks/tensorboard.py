"""Writes TensorBoard events."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.record_writer import RecordWriter
from tensorboardX.summary import scalar

from engine.callbacks.base import RunCallback
from engine.run.records import EpochEnd, StepRecord

logger = logging.getLogger(__name__)

_FLUSH_SECONDS = 10.0


class TensorBoard(RunCallback):
    """Curves over steps, through tensorboardX (MindSpore's own summary files are not readable by TensorBoard).

    The events are written here and now. tensorboardX's own writer has a thread for it, whose end on a full disk would
    leave training waiting for ever in front of a full queue.

    Args:
        folder: where the event files are.
        done_steps: steps that the run has behind it; later points of older files no longer count.
    """

    def __init__(self, folder: Path, done_steps: int = 0) -> None:
        super().__init__()
        self._file: RecordWriter | None = RecordWriter(
            str(folder / f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}")
        )
        self._flushed = 0.0
        start = done_steps + 1
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
        self._write(Event(wall_time=time.time(), step=start, session_log=SessionLog(status=SessionLog.START)))

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
            self._add(tag, value, record.step)

    def on_epoch(self, epoch: EpochEnd) -> None:
        """Add the validation scores."""
        record = epoch.record
        for tag, value in (("val/top1", record.val_top1), ("val/top5", record.val_top5), ("val/loss", record.val_loss)):
            if value is not None:
                self._add(tag, value, record.step)

    def close(self) -> None:
        """Flush and close the event file."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._give_up(error)
        self._file = None

    def _add(self, tag: str, value: float, step: int) -> None:
        self._write(Event(wall_time=time.time(), step=step, summary=scalar(tag, value)))

    def _write(self, event: Event) -> None:
        if self._file is None:
            return
        try:
            self._file.write(event.SerializeToString())
            if time.monotonic() - self._flushed > _FLUSH_SECONDS:
                self._file.flush()
                self._flushed = time.monotonic()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        logger.warning("TensorBoard's curves end here: %s", error.strerror or error)
        with contextlib.suppress(OSError):  # what it still holds back cannot be written either
            assert self._file is not None
            self._file.close()
        self._file = None
