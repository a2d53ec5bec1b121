"""The training loop: one `Model.train` call per epoch, then validation, then the callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import mindspore as ms
import numpy as np
from mindspore import nn

from common.results import EvaluationResult
from engine.callbacks.base import RunCallback
from engine.callbacks.step_monitor import StepMonitor
from engine.run.records import Progress
from engine.runtime.parameters import assign, assign_all, values_of
from engine.runtime.start import Runtime
from engine.step.batch_norm import BatchNormStatistics
from engine.step.evaluated_weights import EvaluatedWeights
from engine.step.train_step import TrainStep
from netzoo.dropout import dropout_layers


class EpochSource(Protocol):
    """Training data whose epochs are pure functions of (seed, epoch)."""

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in an epoch."""

    def epoch(self, epoch: int, skip_steps: int = 0) -> Any:
        """A MindSpore dataset of the epoch's (image, label) batches, without the first `skip_steps`."""


class Trainer:
    """Trains with a `TrainStep` until the last epoch or until a callback asks to stop.

    Args:
        step: the training network.
        network: all parameters to save, including frozen ones.
        progress: where the run stands.
        runtime: the ranks that train together.
        bn_sync: the recipe's `train.bn_sync`.
        wise_ft_alpha: the recipe's `finetune.wise_ft_alpha`.
    """

    def __init__(
        self,
        step: TrainStep,
        network: nn.Cell,
        progress: Progress,
        runtime: Runtime,
        bn_sync: str = "none",
        wise_ft_alpha: float | None = None,
    ) -> None:
        self._step = step
        self._runtime = runtime
        self._statistics = BatchNormStatistics(network, bn_sync, runtime)
        self._evaluated = EvaluatedWeights(step, wise_ft_alpha)
        self._network = network
        self._progress = progress
        self._model = ms.train.Model(step)

    def fit(
        self,
        data: EpochSource,
        validate: Callable[[], EvaluationResult],
        callbacks: Sequence[RunCallback],
        *,
        log_every: int = 20,
        eval_every: int = 1,
    ) -> None:
        """Run the remaining epochs, or fewer if a callback asks to stop or the run is interrupted.

        Args:
            data: training batches.
            validate: evaluates the network on the validation split.
            callbacks: in order; they hear of every window of steps and of every epoch.
            log_every: steps in a window.
            eval_every: epochs between two validations; the last epoch is always evaluated.
        """
        progress = self._progress
        monitor = StepMonitor(progress, log_every, callbacks, self._runtime.gather_array)
        try:
            while progress.epoch < progress.epochs and not (progress.stop_reason or progress.interrupted):
                epoch = progress.epoch
                self._model.train(
                    epoch + 1,
                    data.epoch(epoch, progress.step_in_epoch),
                    callbacks=[monitor, *callbacks],
                    dataset_sink_mode=False,
                    initial_epoch=epoch,
                )
                if progress.step_in_epoch < data.steps_per_epoch:
                    for callback in callbacks:
                        callback.on_interrupt()
                    break
                self._statistics.unite()
                record = monitor.epoch_record()
                if record.epoch % eval_every == 0 or record.epoch == progress.epochs:
                    start = time.perf_counter()
                    with self._evaluated.in_place():
                        result = validate()
                    record = record.with_validation(result, time.perf_counter() - start)
                progress.next_epoch(record)
                for callback in callbacks:
                    callback.on_epoch(record)
        finally:
            for callback in callbacks:
                callback.close()

    def weights(self) -> dict[str, np.ndarray]:
        """The parameters to save."""
        with self._evaluated.in_place():
            return values_of(self._network)

    def state(self) -> tuple[dict[str, np.ndarray], Mapping[str, Any]]:
        """What going on needs beside the weights: (arrays, plain values)."""
        own = {p.name for p in self._network.get_parameters()}
        arrays = {p.name: p.asnumpy().copy() for p in self._step.get_parameters() if p.name not in own}
        arrays |= self._evaluated.state()
        arrays |= {f"dropout.{i}": layer.draws.asnumpy().copy() for i, layer in enumerate(dropout_layers(self._step))}
        if self._progress.step_in_epoch:
            arrays |= self._statistics.state()
        return arrays, self._progress.to_json()

    def restore(self, arrays: Mapping[str, np.ndarray], notes: Mapping[str, Any]) -> None:
        """Go on from a saved state; the network's weights have been loaded before."""
        assign_all(self._step, arrays)
        self._evaluated.restore(arrays)
        for index, layer in enumerate(dropout_layers(self._step)):
            assign(layer.draws, arrays[f"dropout.{index}"])
        self._statistics.restore(arrays)
        self._progress.restore(notes)
