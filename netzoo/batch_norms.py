"""Finding a network's BatchNorm layers, and those whose running statistics training changes."""

from __future__ import annotations

from typing import Any

from mindspore import nn


def batch_norms(net: nn.Cell) -> list[Any]:
    """Return the network's BatchNorm layers, in order."""
    return [cell for _, cell in net.cells_and_names() if isinstance(cell, nn.BatchNorm1d | nn.BatchNorm2d)]


def live_batch_norms(net: nn.Cell) -> list[Any]:
    """Return those that are not frozen (`netzoo.freeze`): they follow the mode, their statistics change in training."""
    return [layer for layer in batch_norms(net) if layer.use_batch_statistics is not False]
