"""Steps that run several at a time, with the host between."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import mindspore as ms
from mindspore import Tensor
from mindspore.train import RunContext

from engine.callbacks.base import RunCallback
from engine.jobs.feed import EpochSource, all_epochs
from engine.run.records import Progress
from engine.step.learning_rate import Schedule
from engine.step.sunk_step import SunkStep


class Steps(Protocol):
    """Runs a sunk step several times in a row."""

    def begin_epoch(self) -> None:
        """What follows are the batches of the current epoch that are not done."""

    def run(self) -> None:
        """Run the step `length` times."""

    def input_seconds(self) -> float | None:
        """How long the host has waited for batches; None where the device takes them itself."""

    def close(self) -> None:
        """No further step is run."""


class SunkLoop:
    """Lets `length` steps run, then lets the host read what they noted, speak, save and stop.

    Args:
        cell: the step.
        schedule: tells the learning rate that is shown; the graph has its own table.
        progress: where the run stands.
        steps: feeds the step.
    """

    def __init__(self, cell: SunkStep, schedule: Schedule, progress: Progress, steps: Steps) -> None:
        self._cell = cell
        self._schedule = schedule
        self._progress = progress
        self._steps = steps

    @property
    def length(self) -> int:
        """Steps that run together."""
        return self._cell.length

    def input_seconds(self) -> float | None:
        """How long the host has waited for batches."""
        return self._steps.input_seconds()

    def run(self, callbacks: Sequence[RunCallback]) -> None:
        """Run what is left of the current epoch."""
        progress = self._progress
        heard = _Heard()
        context = RunContext(heard)
        self._cell.set_train()  # an evaluation has changed that
        for callback in callbacks:
            callback.on_train_epoch_begin(context)
        self._steps.begin_epoch()
        while progress.step_in_epoch < progress.steps_per_epoch and not context.get_stop_requested():
            last = progress.step + self._cell.length - 1
            for callback in callbacks:
                callback.on_train_step_begin(context)
            self._steps.run()
            heard["net_outputs"] = self._cell.outputs(last)
            progress.lr = self._schedule(last)
            for callback in callbacks:
                callback.on_train_step_end(context)
        for callback in callbacks:
            callback.on_train_epoch_end(context)

    def close(self) -> None:
        """Let the device's batches go."""
        self._steps.close()


class _Heard(dict[str, Any]):
    """What MindSpore's callbacks ask a run context for."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


class HostSteps:
    """The host feeds each step, on a device that has no dataset sink."""

    def __init__(self, cell: SunkStep, source: EpochSource, progress: Progress) -> None:
        self._cell = cell
        self._source = source
        self._progress = progress
        self._batches: Iterator[list[Tensor]] = iter(())
        self._input_seconds = 0.0

    def begin_epoch(self) -> None:
        """Start the epoch's batches."""
        dataset = self._source.epoch(self._progress.epoch, self._progress.step_in_epoch)
        self._batches = dataset.create_tuple_iterator(num_epochs=1)

    def run(self) -> None:
        """Feed the next batches."""
        for _ in range(self._cell.length):
            started = time.perf_counter()
            batch = next(self._batches)
            self._input_seconds += time.perf_counter() - started
            self._cell(*batch)

    def input_seconds(self) -> float:
        """How long `run` has waited for batches."""
        return self._input_seconds

    def close(self) -> None:
        """Nothing is held."""


class DeviceSteps:
    """MindSpore's dataset sink: batches wait on the device, and one call runs `length` steps.

    Every dataset that is sunk is a graph to compile, so that all epochs of the run are one dataset.
    """

    def __init__(self, cell: SunkStep, source: EpochSource, progress: Progress) -> None:
        dataset = all_epochs(source, progress.epoch, progress.step_in_epoch, progress.epochs)
        self._batches = ms.DatasetHelper(dataset, dataset_sink_mode=True, sink_size=cell.length, epoch_num=1)
        self._network = ms.connect_network_with_dataset(cell, self._batches)

    def begin_epoch(self) -> None:
        """The device has the batches already."""
        self._network.set_train()

    def run(self) -> None:
        """Start the steps."""
        for inputs in self._batches:  # one turn, without inputs: the graph takes them from the device's queue
            self._network(*inputs)
        self._batches.continue_send()

    def input_seconds(self) -> None:
        """The host does not see how long the device waits."""

    def close(self) -> None:
        """Stop sending batches."""
        self._batches.stop_send()
        self._batches.release()
