"""MindSpore's compiled graphs, which do not notice that a network was changed after it was compiled."""

from __future__ import annotations

from mindspore import nn


def forget_compiled_graphs(net: nn.Cell) -> None:
    """Make the network, and each of its parts, compile again when next called in graph mode.

    Cells that wrap the network (a training step, a loss) keep their graphs: make them after the change.
    """
    for _, cell in net.cells_and_names():
        cell.compile_cache.clear()
