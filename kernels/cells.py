"""MindSpore's layers on the compiled kernels: each is, to everyone who looks at it, the layer whose place it takes."""

from __future__ import annotations

from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from kernels.operators import (
    batch_norm,
    convolution,
    depthwise_convolution,
    frozen_batch_norm,
    pointwise_convolution,
    pooling,
    zero_padding,
)


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise 3x3 convolution: (B, C, H, W) to (B, C, H/stride, W/stride), float32 both.

    Args:
        layer: whose weight it takes over; one that `suits_depthwise`.
        library: the compiled kernels.
    """

    def __init__(self, layer: nn.Conv2d, library: Path) -> None:
        padding = padding_of(layer)
        if padding is None:
            raise ValueError(f"{layer} is padded differently on different sides")
        super().__init__(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            pad_mode=layer.pad_mode,
            padding=layer.padding,
            group=layer.group,
            weight_init="zeros",
        )
        self.weight = layer.weight
        self.convolve = depthwise_convolution(library, layer.stride[0], padding)

    def construct(self, x: Tensor) -> Tensor:
        return self.convolve(x, self.weight)


def suits_depthwise(layer: nn.Cell) -> bool:
    """Whether a layer is a convolution that `DepthwiseConv2d` computes."""
    return (
        type(layer) is nn.Conv2d
        and layer.group == layer.in_channels == layer.out_channels
        and tuple(layer.kernel_size) == (3, 3)
        and tuple(layer.stride) in ((1, 1), (2, 2))
        and tuple(layer.dilation) == (1, 1)
        and not layer.has_bias
        and padding_of(layer) in (0, 1)
    )


def padding_of(layer: nn.Conv2d) -> int | None:
    """The padding of a convolution, if it is the same on all sides."""
    if layer.pad_mode == "valid":
        return 0
    if layer.pad_mode == "pad":
        sides = {layer.padding} if isinstance(layer.padding, int) else set(layer.padding)
        return sides.pop() if len(sides) == 1 else None
    return None


class PointwiseConv2d(nn.Conv2d):
    """A convolution 1x1: (B, C, H, W) to (B, O, H, W), float32 both.

    Args:
        layer: whose weight it takes over; one that `suits_pointwise`.
        library: the compiled kernels.
    """

    def __init__(self, layer: nn.Conv2d, library: Path) -> None:
        super().__init__(
            layer.in_channels, layer.out_channels, 1, pad_mode=layer.pad_mode, has_bias=False, weight_init="zeros"
        )
        self.weight = layer.weight
        self.convolve = pointwise_convolution(library)

    def construct(self, x: Tensor) -> Tensor:
        return self.convolve(x, self.weight)


def suits_pointwise(layer: nn.Cell) -> bool:
    """Whether a layer is a convolution that `PointwiseConv2d` computes."""
    return (
        type(layer) is nn.Conv2d
        and layer.group == 1
        and tuple(layer.kernel_size) == tuple(layer.stride) == tuple(layer.dilation) == (1, 1)
        and not layer.has_bias
        and (layer.pad_mode == "same" or padding_of(layer) == 0)
    )


class SmallConv2d(nn.Conv2d):
    """A 5x5 convolution between few maps: (B, C, H, W) to (B, O, H - 4, W - 4), float32 both.

    Args:
        layer: whose weight, and bias if it has one, it takes over; one that `suits_convolution`.
        library: the compiled kernels.
    """

    def __init__(self, layer: nn.Conv2d, library: Path) -> None:
        super().__init__(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,
            pad_mode="valid",
            has_bias=layer.has_bias,
            weight_init="zeros",
            bias_init="zeros" if layer.has_bias else None,
        )
        self.weight = layer.weight
        if layer.has_bias:
            self.bias = layer.bias
        self.no_bias = Tensor(np.zeros(layer.out_channels, np.float32))
        self.convolve = convolution(library)

    def construct(self, x: Tensor) -> Tensor:
        return self.convolve(x, self.weight, self.bias if self.has_bias else self.no_bias)


MOST_MAPS = 16
"""Beyond, MindSpore's matrix products are large enough to be fast."""


def suits_convolution(layer: nn.Cell) -> bool:
    """Whether a layer is a convolution that `SmallConv2d` computes."""
    return (
        type(layer) is nn.Conv2d
        and layer.group == 1
        and max(layer.in_channels, layer.out_channels) <= MOST_MAPS
        and tuple(layer.kernel_size) == (5, 5)
        and tuple(layer.stride) == tuple(layer.dilation) == (1, 1)
        and padding_of(layer) == 0
    )


class BatchNorm2d(nn.BatchNorm2d):
    """BatchNorm, or BatchNorm and ReLU6: (B, C, H, W) to the same, float32.

    Like MindSpore's it follows the mode, unless `use_batch_statistics` is set.

    Args:
        layer: whose parameters and settings it takes over; what trains is settled before.
        library: the compiled kernels.
        relu6: whether it applies ReLU6 to its output.
    """

    def __init__(self, layer: nn.BatchNorm2d, library: Path, relu6: bool) -> None:
        momentum = layer.momentum  # of the new statistics; the constructor asks for that of the old ones
        super().__init__(
            layer.num_features,
            eps=layer.eps,
            momentum=1.0 - momentum,
            use_batch_statistics=layer.use_batch_statistics,
        )
        for name in ("gamma", "beta", "moving_mean", "moving_variance"):
            setattr(self, name, getattr(layer, name))
        trains = layer.gamma.requires_grad or layer.beta.requires_grad
        self.relu6 = relu6
        self.by_batch = batch_norm(library, relu6)
        self.by_running = frozen_batch_norm(library, relu6, trains)
        self.settings = Tensor([layer.eps, momentum], ms.float32)
        self.eps_only = Tensor([layer.eps], ms.float32)

    def construct(self, x: Tensor) -> Tensor:
        return self.normalise(x)

    def keeps_statistics(self) -> bool:
        """Whether it normalises by its running statistics."""
        return self.use_batch_statistics is False or (self.use_batch_statistics is None and not self.training)

    def normalise(self, x: Tensor) -> Tensor:
        """Compute the layer."""
        if self.keeps_statistics():
            return self.by_running(x, self.gamma, self.beta, self.moving_mean, self.moving_variance, self.eps_only)
        out = self.by_batch(x, self.gamma, self.beta, self.moving_mean, self.moving_variance, self.settings)
        y = ops.depend(out[0], ops.assign(self.moving_mean, ops.stop_gradient(out[3])))
        return ops.depend(y, ops.assign(self.moving_variance, ops.stop_gradient(out[4])))


class MaxPool2d(nn.MaxPool2d):
    """2x2 maxima, of the input or of its ReLU: (B, C, H, W) to (B, C, H/2, W/2), float32 both."""

    def __init__(self, library: Path, relu: bool) -> None:
        super().__init__(2, 2)
        self.reduce = pooling(library, "Max", relu)

    def construct(self, x: Tensor) -> Tensor:
        return self.reduce(x)


class AvgPool2d(nn.AvgPool2d):
    """2x2 averages, of the input or of its ReLU: (B, C, H, W) to (B, C, H/2, W/2), float32 both."""

    def __init__(self, library: Path, relu: bool) -> None:
        super().__init__(2, 2)
        self.reduce = pooling(library, "Average", relu)

    def construct(self, x: Tensor) -> Tensor:
        return self.reduce(x)


def suits_pooling(layer: nn.Cell) -> bool:
    """Whether a layer is a pooling that `MaxPool2d` or `AvgPool2d` computes."""
    return (
        type(layer) in (nn.MaxPool2d, nn.AvgPool2d)
        and layer.kernel_size in (2, (2, 2))
        and layer.stride in (2, (2, 2))
        and layer.pad_mode == "VALID"
        and not getattr(layer, "is_expand", False)  # AvgPool2d with one of its further options
    )


class ZeroPad2d(nn.Pad):
    """Zeros around maps: (B, C, H, W) to (B, C, H + 2 rows, W + 2 columns), float32 both.

    Args:
        layer: one that `suits_padding`.
        library: the compiled kernels.
    """

    def __init__(self, layer: nn.Pad, library: Path) -> None:
        super().__init__(layer.paddings)
        self.enlarge = zero_padding(library, layer.paddings[2][0], layer.paddings[3][0])

    def construct(self, x: Tensor) -> Tensor:
        return self.enlarge(x)


def suits_padding(layer: nn.Cell) -> bool:
    """Whether a layer is a padding that `ZeroPad2d` computes: of maps, the same on opposite sides."""
    if type(layer) is not nn.Pad or layer.mode != "CONSTANT" or len(layer.paddings) != 4:
        return False
    return layer.paddings[:2] == ((0, 0), (0, 0)) and all(before == after for before, after in layer.paddings[2:])
