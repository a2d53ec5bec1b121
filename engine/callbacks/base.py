"""The shape of a callback."""

from __future__ import annotations

from mindspore.train import Callback

from engine.run.records import EpochEnd, StepRecord


class RunCallback(Callback):
    """MindSpore's callback with four more moments.

    `Model.train` runs one epoch a call, so MindSpore's own `on_train_begin` and `on_train_end` frame an epoch here.
    Whatever is decided at a moment is in the value that is handed over: no callback depends on another's work, and
    their order changes nothing.
    """

    def on_window(self, record: StepRecord) -> None:
        """A window of steps has ended."""

    def on_epoch(self, epoch: EpochEnd) -> None:
        """An epoch has ended and, where that is due, was evaluated."""

    def on_interrupt(self) -> None:
        """The run was asked to stop and ends inside an epoch."""

    def close(self) -> None:
        """The run has ended, well or not."""
