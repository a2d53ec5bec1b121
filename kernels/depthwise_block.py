"""BatchNorm, ReLU6, depthwise convolution, BatchNorm and ReLU6 as one layer on the compiled kernels.

Each of the five reads and writes all maps, one after the other; together they do so once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mindspore as ms
from mindspore import Tensor, nn, ops

from kernels.cells import BatchNorm2d, DepthwiseConv2d, padding_of
from kernels.operators import Shape, check_maps, custom
from netzoo.mobilenetv2 import ConvBNReLU6
from netzoo.replace import replace_cell


class PassedBatchNorm2d(BatchNorm2d):
    """BatchNorm and ReLU6 that a `DepthwiseBlock` computes: it holds their parameters in their place, and hands x on.

    Args:
        layer: whose parameters and settings it takes over.
        library: the compiled kernels.
    """

    def __init__(self, layer: BatchNorm2d, library: Path) -> None:
        super().__init__(layer, library, relu6=True)

    def construct(self, x: Tensor) -> Tensor:
        return x


class DepthwiseBlock(DepthwiseConv2d):
    """BatchNorm, ReLU6, depthwise 3x3, BatchNorm, ReLU6: (B, C, H, W) to (B, C, H/stride, W/stride), float32 both.

    Args:
        layer: the convolution, with padding 1.
        library: the compiled kernels.
        before: the BatchNorm in front of it.
        after: the one behind it.
    """

    def __init__(
        self, layer: DepthwiseConv2d, library: Path, before: PassedBatchNorm2d, after: PassedBatchNorm2d
    ) -> None:
        super().__init__(layer, library)
        # Assigning them would rename their parameters.
        self.insert_child_to_cell("before", before)
        self.insert_child_to_cell("after", after)
        self.settings = Tensor([before.eps, before.momentum, after.eps, after.momentum], ms.float32)
        self.by_batch = _depthwise_block(library, layer.stride[0], live=True)
        self.by_running = _depthwise_block(library, layer.stride[0], live=False)

    def construct(self, x: Tensor) -> Tensor:
        before, after = self.before, self.after
        if before.keeps_statistics() != after.keeps_statistics():
            return after.normalise(self.convolve(before.normalise(x), self.weight))
        inputs: tuple[Tensor, ...] = (x, self.weight)
        for norm in (before, after):
            inputs += (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
        inputs += (self.settings,)
        if before.keeps_statistics():
            return self.by_running(*inputs)[0]
        out = self.by_batch(*inputs)
        y = ops.depend(out[0], ops.assign(before.moving_mean, ops.stop_gradient(out[4])))
        y = ops.depend(y, ops.assign(before.moving_variance, ops.stop_gradient(out[5])))
        y = ops.depend(y, ops.assign(after.moving_mean, ops.stop_gradient(out[8])))
        return ops.depend(y, ops.assign(after.moving_variance, ops.stop_gradient(out[9])))


def _depthwise_block(library: Path, stride: int, live: bool) -> ops.Custom:
    """Make the operator x, weight, of both layers gamma, beta, moving mean and variance, (2 of eps, momentum) -> y, ...

    What follows y: the convolution's values, and where it is `live` mean, 1 / deviation and both moving statistics
    anew, of either layer.

    Args:
        library: the compiled kernels.
        stride: 1 or 2.
        live: normalises by the statistics of the batch, and not by the running ones.
    """
    name = f"{'' if live else 'Frozen'}DepthwiseBlock"

    def out_shape(x: Shape, weight: Shape, gamma: Shape, *others: Shape) -> tuple[Shape, ...]:
        check_maps(x)
        y = [x[0], x[1], *((size - 1) // stride + 1 for size in x[2:])]
        return (y, y) + (gamma,) * (8 if live else 0)

    def out_dtype(x: Any, *others: Any) -> tuple[Any, ...]:
        return (x,) * (10 if live else 2)

    def like_gradients(dy: Any, x: Any, convolved: Any, weight: Any, gamma: Any, *others: Any) -> tuple[Any, ...]:
        return x, weight, gamma, gamma, gamma, gamma

    backward = custom(library, f"{name}BackwardStride{stride}", like_gradients, like_gradients)

    def bprop(
        x: Tensor, weight: Tensor,
        gamma1: Tensor, beta1: Tensor, mean1: Tensor, variance1: Tensor,
        gamma2: Tensor, beta2: Tensor, mean2: Tensor, variance2: Tensor,
        settings: Tensor, out: Any, dout: Any,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        used1, used2 = ((out[2], out[3]), (out[6], out[7])) if live else ((mean1, variance1), (mean2, variance2))
        dx, dweight, dgamma1, dbeta1, dgamma2, dbeta2 = backward(
            dout[0], x, out[1], weight, gamma1, beta1, *used1, gamma2, beta2, *used2, settings
        )
        none = ops.zeros_like(mean1)
        return dx, dweight, dgamma1, dbeta1, none, none, dgamma2, dbeta2, none, none, ops.zeros_like(settings)

    return custom(library, f"{name}ForwardStride{stride}", out_shape, out_dtype, bprop)


@dataclass(frozen=True)
class _Layer:
    """A layer of a chain, and where it is."""

    parent: nn.Cell
    key: str
    cell: nn.Cell


def join_depthwise_blocks(network: nn.Cell, library: Path) -> int:
    """Let one layer compute what five layers on the kernels do, wherever they follow on each other; returns how many.

    Args:
        network: whose layers were exchanged; it is changed in place, and its parameters keep their order.
        library: the compiled kernels.
    """
    joined = 0
    for _, cell in list(network.cells_and_names()):
        if isinstance(cell, nn.SequentialCell):
            chain = list(_chain(cell))
            for start in range(len(chain) - 4):
                joined += _join(chain[start : start + 5], library)
    return joined


def _chain(sequence: nn.SequentialCell) -> Iterator[_Layer]:
    """The layers of a sequence, one reading what the one before it returns."""
    for key, cell in sequence.name_cells().items():
        if isinstance(cell, ConvBNReLU6):
            yield from _chain(cell.features)
        elif isinstance(cell, nn.SequentialCell):
            yield from _chain(cell)
        else:
            yield _Layer(sequence, key, cell)


def _join(layers: list[_Layer], library: Path) -> bool:
    """Exchange five layers that follow on each other, if they are those of a block."""
    before, _, convolution, after, _ = layers
    suits = (
        all(type(norm.cell) is BatchNorm2d and norm.cell.relu6 for norm in (before, after))
        and type(convolution.cell) is DepthwiseConv2d
        and padding_of(convolution.cell) == 1
    )
    if not suits:
        return False
    passed = [PassedBatchNorm2d(norm.cell, library).set_train(norm.cell.training) for norm in (before, after)]
    block = DepthwiseBlock(convolution.cell, library, *passed).set_train(convolution.cell.training)
    for place, cell in zip((before, convolution, after), (passed[0], block, passed[1]), strict=True):
        replace_cell(place.parent, place.key, cell)
    return True
