"""What a run saves and goes on from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from mindspore import nn

from common.errors import RunError, TrainingError
from common.finite import first_not_finite
from engine.callbacks.step_monitor import DIVERGED_REMEDY
from engine.run.checkpoint import load_state, read_checkpoint, verify
from engine.run.records import Progress
from engine.runtime.parameters import assign, assign_all, values_of
from engine.runtime.start import Runtime
from engine.step.batch_norm import BatchNormStatistics
from engine.step.evaluated_weights import EvaluatedWeights
from engine.step.train_step import TrainStep
from netzoo.dropout import dropout_layers

logger = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")


class TrainingState:
    """The weights, and everything beside them that the next step depends on.

    Args:
        step: the training step.
        network: all parameters to save, including frozen ones.
        progress: where the run stands.
        runtime: the ranks that train together.
        bn_sync: the recipe's `train.bn_sync`.
        wise_ft_alpha: the recipe's `finetune.wise_ft_alpha`.
        front: frozen layers of the network that are not in the step, which is fed with their outputs; None for none.
    """

    def __init__(
        self,
        step: TrainStep,
        network: nn.Cell,
        progress: Progress,
        runtime: Runtime,
        bn_sync: str = "none",
        wise_ft_alpha: float | None = None,
        front: nn.Cell | None = None,
    ) -> None:
        self._step = step
        self._network = network
        self._progress = progress
        self._parameters = list(network.get_parameters())
        self._front = set() if front is None else {parameter.name for parameter in front.get_parameters()}
        self._front_values: dict[str, np.ndarray] | None = None  # read once: a step does not change them
        self._ranks = runtime.world_size
        self._statistics = BatchNormStatistics(network, bn_sync, runtime)
        self._evaluated = EvaluatedWeights(step, wise_ft_alpha)

    def evaluate(self, evaluation: Callable[[], ResultT]) -> ResultT:
        """Evaluate with the weights that are saved: averaged ones, and one set of BatchNorm statistics."""
        with self._evaluated.in_place():
            return evaluation()

    def unite(self) -> None:
        """Give every rank the same BatchNorm statistics; at the end of an epoch."""
        self._statistics.unite()
        if self._ranks > 1:
            self._front_values = None

    def weights(self) -> dict[str, np.ndarray]:
        """The parameters to save.

        Raises:
            TrainingError: one of them is not finite.
        """
        with self._evaluated.in_place():
            values = values_of(p for p in self._parameters if p.name not in self._front)
        self._require_finite(values)
        if self._front_values is None:
            front = values_of(p for p in self._parameters if p.name in self._front)
            self._require_finite(front)
            self._front_values = front
        values |= self._front_values
        return {parameter.name: values[parameter.name] for parameter in self._parameters}

    def check_finite(self) -> None:
        """Look at the weights that train, those that are evaluated, and BatchNorm's statistics.

        Raises:
            TrainingError: one of them is not finite, which a loss may hide: ReLU makes 0 of NaN on a CPU.
        """
        self._require_finite({weight.name: weight.asnumpy() for weight in self._step.weights})
        self.weights()

    def _require_finite(self, values: Mapping[str, np.ndarray]) -> None:
        if (name := first_not_finite(values)) is None:
            return
        progress = self._progress
        raise TrainingError(
            f"{name} is not finite any more after step {progress.step} (epoch {progress.epoch + 1}); "
            f"last good checkpoint: {progress.last_checkpoint or 'none yet'}\n{DIVERGED_REMEDY}"
        )

    def rest(self) -> tuple[dict[str, np.ndarray], Mapping[str, object]]:
        """What going on needs beside the weights: (arrays, plain values)."""
        own = {p.name for p in self._parameters}
        arrays = values_of(p for p in self._step.get_parameters() if p.name not in own)
        arrays |= self._evaluated.state()
        arrays |= {f"dropout.{i}": layer.draws.asnumpy().copy() for i, layer in enumerate(dropout_layers(self._step))}
        if self._progress.step_in_epoch:
            arrays |= self._statistics.state()
        return arrays, self._progress.to_json()

    def go_on_from(self, checkpoint: Path) -> None:
        """Load weights and the rest; every rank checks the files' checksums itself.

        Raises:
            RunError: damaged, or of another network.
        """
        verify(checkpoint)
        weights, own = read_checkpoint(checkpoint), {p.name: p.shape for p in self._parameters}
        wrong = sorted(set(weights) ^ set(own)) or [n for n in own if weights[n].shape != own[n]]
        if wrong:
            raise RunError(f"resume {checkpoint}: {len(wrong)} parameters are not this recipe's, such as {wrong[0]}")
        arrays, notes = load_state(checkpoint)
        self._front_values = None
        assign_all(self._network, weights)
        assign_all(self._step, arrays)
        self._evaluated.restore(arrays)
        for index, layer in enumerate(dropout_layers(self._step)):
            assign(layer.draws, arrays[f"dropout.{index}"])
        self._statistics.restore(arrays)
        self._progress.restore(notes)
        self._progress.last_checkpoint = str(checkpoint)
        logger.info("going on from %s", checkpoint)
