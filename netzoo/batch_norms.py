"""Finding a network's BatchNorm layers, and those whose running statistics training changes."""

from __future__ import annotations

from typing import Protocol

from mindspore import Parameter, nn


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


def batch_norms(net: nn.Cell) -> list[BatchNorm]:
    """Return the network's BatchNorm layers, in order."""
    return [cell for _, cell in net.cells_and_names() if isinstance(cell, nn.BatchNorm1d | nn.BatchNorm2d)]


def live_batch_norms(net: nn.Cell) -> list[BatchNorm]:
    """Return those that are not frozen (`netzoo.freeze`): they follow the mode, their statistics change in training."""
    return [layer for layer in batch_norms(net) if layer.use_batch_statistics is not False]
