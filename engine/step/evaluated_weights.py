"""The weights that are evaluated and saved, where those are not the ones that the optimiser has reached."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import numpy as np

from engine.runtime.parameters import assign
from engine.step.train_step import TrainStep

_TRAINED, _START = "trained.", "start."


class EvaluatedWeights:
    """Moving average (EMA) of the weights, and the line from where fine-tuning started to there (WiSE-FT).

    Args:
        step: its weights, and their moving average if it keeps one.
        wise_ft_alpha: 0 is where training started, 1 where it has come to; None is 1.

    Source:
        Wortsman et al., Robust fine-tuning of zero-shot models, 2022, section 3; 0.5 is what they recommend where
        nothing says better.
    """

    def __init__(self, step: TrainStep, wise_ft_alpha: float | None) -> None:
        self._step = step
        self._alpha = wise_ft_alpha
        self._start = {} if wise_ft_alpha is None else {w.name: w.asnumpy().copy() for w in step.weights}

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Put them in the trained weights' place, and take those back afterwards."""
        if self._step.ema_decay is None and self._alpha is None:
            yield
            return
        trained = [weight.asnumpy().copy() for weight in self._step.weights]
        for weight, value in zip(self._step.weights, self._values(), strict=True):
            assign(weight, value)
        try:
            yield
        finally:
            for weight, value in zip(self._step.weights, trained, strict=True):
                assign(weight, value)

    def _values(self) -> Iterator[np.ndarray]:
        reached = self._step.weights if self._step.ema_decay is None else self._step.ema
        for weight, value in zip(self._step.weights, reached, strict=True):
            # An adapter's two factors are multiplied: the one that starts at zero goes the way for both.
            if self._alpha is None or weight.name.endswith(".lora_a"):
                yield value.asnumpy()
            else:
                start = self._start[weight.name]
                yield start + np.float32(self._alpha) * (value.asnumpy() - start)

    def state(self) -> dict[str, np.ndarray]:
        """What going on needs beside the weights that are saved."""
        arrays = {_START + name: value for name, value in self._start.items()}
        if self._step.ema_decay is not None or self._alpha is not None:
            arrays |= {_TRAINED + weight.name: weight.asnumpy().copy() for weight in self._step.weights}
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned."""
        for weight in self._step.weights:
            if (trained := arrays.get(_TRAINED + weight.name)) is not None:
                assign(weight, trained)
        self._start = {name: arrays.get(_START + name, own) for name, own in self._start.items()}
