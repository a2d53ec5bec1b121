"""Folds BatchNorm layers into the convolutions before them: fewer operators, the same outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from mindspore import Parameter, Tensor, nn

from netzoo.replace import replace_cell


def foldable_pairs(graph: onnx.GraphProto) -> list[tuple[str, str]]:
    """Find the convolutions whose output only a BatchNorm reads.

    Args:
        graph: the network as MindSpore exports it; the order of operators is known there, whatever cells they are in.

    Returns:
        Names of the convolution's weight and of the BatchNorm's gamma.
    """
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    pairs = []
    for node in graph.node:
        after = readers.get(node.output[0], [])
        if node.op_type == "Conv" and len(after) == 1 and after[0].op_type == "BatchNormalization":
            pairs.append((node.input[1], after[0].input[1]))
    return pairs


def fold_batch_norms(net: nn.Cell, pairs: Iterable[tuple[str, str]]) -> int:
    """Fold in place; the network must not have been compiled before.

    Args:
        net: network in inference mode.
        pairs: from `foldable_pairs`.

    Returns:
        Number of BatchNorm layers that are gone.
    """
    cells = [(parent, key, cell) for _, parent in net.cells_and_names() for key, cell in parent.name_cells().items()]
    convolutions = {cell.weight.name: cell for _, _, cell in cells if isinstance(cell, nn.Conv2d)}
    norms: Mapping[str, tuple[nn.Cell, str, nn.Cell]] = {
        cell.gamma.name: (parent, key, cell) for parent, key, cell in cells if isinstance(cell, nn.BatchNorm2d)
    }
    folded = 0
    for weight_name, gamma_name in pairs:
        if weight_name in convolutions and gamma_name in norms:
            parent, key, norm = norms[gamma_name]
            _fold(convolutions[weight_name], norm)
            replace_cell(parent, key, nn.Identity())
            folded += 1
    return folded


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    gamma, beta, mean, variance = (
        value.asnumpy().astype(np.float64) for value in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    scale = gamma / np.sqrt(variance + norm.eps)
    weight = convolution.weight.asnumpy().astype(np.float64) * scale[:, None, None, None]
    bias = convolution.bias.asnumpy().astype(np.float64) if convolution.has_bias else 0.0
    convolution.weight.set_data(Tensor(weight.astype(np.float32)))
    folded_bias = Tensor((beta + (bias - mean) * scale).astype(np.float32))
    convolution.bias = Parameter(folded_bias, name=convolution.weight.name.removesuffix("weight") + "bias")
    convolution.has_bias = True
