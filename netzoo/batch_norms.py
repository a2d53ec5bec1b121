"""Finding a network's BatchNorm layers, and those whose running statistics training changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn


class BatchNorm(Protocol):
    """What MindSpore's BatchNorm layers have; parameters are float32 (channels,).

    Attributes:
        gamma: the scale.
        beta: the shift.
        moving_mean: running statistic.
        moving_variance: running statistic.
        use_batch_statistics: None follows the mode; False normalises by the running statistics, and keeps them.
    """

    gamma: Parameter
    beta: Parameter
    moving_mean: Parameter
    moving_variance: Parameter
    use_batch_statistics: bool | None

    def register_forward_pre_hook(self, hook_fn: Callable[..., None]) -> Any:
        """Call a function with (layer, inputs) before the layer computes; in PyNative mode."""


def batch_norms(net: nn.Cell) -> list[BatchNorm]:
    """Return the network's BatchNorm layers, in order."""
    return [cell for _, cell in net.cells_and_names() if isinstance(cell, nn.BatchNorm1d | nn.BatchNorm2d)]


def live_batch_norms(net: nn.Cell) -> list[BatchNorm]:
    """Return those that are not frozen (`netzoo.freeze`): they follow the mode, their statistics change in training."""
    return [layer for layer in batch_norms(net) if layer.use_batch_statistics is not False]


def values_per_channel(net: nn.Cell, shape: tuple[int, ...]) -> dict[str, int]:
    """Return how many values a channel each live BatchNorm layer sees of one input, by the layer's parameter name.

    Args:
        net: maps inputs of that shape to anything; it is run once, in inference mode, layer by layer.
        shape: of one input, without the batch.
    """
    seen: dict[str, int] = {}

    def look(layer: BatchNorm, inputs: tuple[Tensor, ...]) -> None:
        name = str(layer.gamma.name).removesuffix(".gamma")
        seen[name] = int(np.prod(inputs[0].shape)) // int(layer.gamma.size)

    handles = [layer.register_forward_pre_hook(look) for layer in live_batch_norms(net)]
    mode = ms.get_context("mode")
    ms.set_context(mode=ms.PYNATIVE_MODE)  # where hooks are called
    try:
        net.set_train(False)
        net(Tensor(np.zeros((1, *shape), np.float32)))
    finally:
        ms.set_context(mode=mode)
        for handle in handles:
            handle.remove()
    return seen
