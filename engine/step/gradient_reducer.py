"""The mean of the gradients over the ranks."""

from __future__ import annotations

from collections.abc import Sequence

from mindspore import Parameter, Tensor, nn, ops


class FlatGradReducer(nn.Cell):
    """Averages all gradients in one all-reduce of one flat vector.

    At every all-reduce the ranks wait for the slowest. MindSpore fuses those of a step into one on Ascend, but not on
    a CPU, where one for each parameter took MobileNetV2 from 1.93 to 1.67 times the speed of one process.

    Args:
        weights: whose gradients come, in this order; all float32.
        ranks: number of processes.
    """

    def __init__(self, weights: Sequence[Parameter], ranks: int) -> None:
        super().__init__(auto_prefix=False)
        self.all_reduce = ops.AllReduce()
        self.shapes = tuple(tuple(weight.shape) for weight in weights)
        self.sizes = tuple(int(weight.size) for weight in weights)
        self.share = 1.0 / ranks

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the averaged gradients, shaped as they came."""
        flat: tuple[Tensor, ...] = ()
        for gradient in gradients:
            flat += (gradient.reshape((-1,)),)
        mean = self.all_reduce(ops.concat(flat)) * self.share
        averaged: tuple[Tensor, ...] = ()
        start = 0
        for size, shape in zip(self.sizes, self.shapes):  # noqa: B905 (graph mode knows no strict=)
            averaged += (mean[start : start + size].reshape(shape),)
            start += size
        return averaged
