"""LeNet5: as published, as commonly written today, and with BatchNorm and dropout."""

from __future__ import annotations

import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.initializer import HeNormal, Normal, initializer

from netzoo.dropout import Dropout
from netzoo.options import LeNet5ImprovedOptions, LeNet5ModernOptions, LeNet5OriginalOptions, Pooling

# Table I of LeCun et al. 1998: the S2 maps that each C3 map reads.
C3_TABLE: tuple[tuple[int, ...], ...] = (
    *((i, (i + 1) % 6, (i + 2) % 6) for i in range(6)),
    *((i, (i + 1) % 6, (i + 2) % 6, (i + 3) % 6) for i in range(6)),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)


class _PadTo32(nn.Cell):
    """Pad 28x28 pictures by 2 on every side, leave 32x32 ones alone: to (B, C, 32, 32), float32."""

    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.Pad(((0, 0), (0, 0), (2, 2), (2, 2)))

    def construct(self, x: Tensor) -> Tensor:
        return self.pad(x) if x.shape[2] == 28 else x


class _ScaledTanh(nn.Cell):
    """1.7159 tanh(2x/3), the paper's squashing function, on any shape, float32: it maps +-1 to +-1."""

    def __init__(self) -> None:
        super().__init__()
        self.tanh = nn.Tanh()

    def construct(self, x: Tensor) -> Tensor:
        return 1.7159 * self.tanh(x * (2.0 / 3.0))


class _SubSampling(nn.Cell):
    """The 2x2 average of each map, times a trainable coefficient, plus a trainable bias (one pair a map).

    (B, channels, H, W) to (B, channels, H/2, W/2), float32 both.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.average = nn.AvgPool2d(2, 2)
        self.coefficient = Parameter(initializer("ones", (1, channels, 1, 1)), name="coefficient")
        self.bias = Parameter(initializer("zeros", (1, channels, 1, 1)), name="bias")

    def construct(self, x: Tensor) -> Tensor:
        return self.average(x) * self.coefficient + self.bias


class _PartialConvolution(nn.Cell):
    """A 5x5 convolution in which each output map reads only the input maps that `table` names.

    (B, in_channels, H, W) to (B, len(table), H - 4, W - 4), float32 both.

    The trainable kernels are kept packed, one 5x5 kernel a connection; a constant 0/1 matrix lays them out as a dense
    kernel with zeros elsewhere. That product is small, and one dense convolution is faster than sixteen partial ones.
    """

    def __init__(self, in_channels: int, table: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        connections = [(out, source) for out, sources in enumerate(table) for source in sources]
        layout = np.zeros((len(table) * in_channels, len(connections)), np.float32)
        for column, (out, source) in enumerate(connections):
            layout[out * in_channels + source, column] = 1.0
        kernels = np.concatenate(
            [initializer(Normal((25 * len(s)) ** -0.5), (len(s), 25)).init_data().asnumpy() for s in table]
        )
        self.layout = Tensor(layout)
        self.weight = Parameter(Tensor(kernels), name="weight")
        self.bias = Parameter(initializer("zeros", (len(table),)), name="bias")
        self.dense_shape = (len(table), in_channels, 5, 5)
        self.convolve = ops.Conv2D(len(table), (5, 5))  # the ONNX exporter cannot read a plain 5
        self.add_bias = ops.BiasAdd()

    def construct(self, x: Tensor) -> Tensor:
        # The casts say nothing in float32; in half precision MindSpore casts only one of the two by itself.
        layout, weight = ops.cast(self.layout, x.dtype), ops.cast(self.weight, x.dtype)
        kernel = ops.reshape(ops.matmul(layout, weight), self.dense_shape)
        return self.add_bias(self.convolve(x, kernel), self.bias)


def _lecun_normal(fan_in: int) -> Normal:
    return Normal(fan_in**-0.5)


class LeNet5Original(nn.Cell):
    """LeNet5 as published, up to F6: scaled tanh, trainable sub-sampling, partly connected C3.

    Pictures (B, in_channels, 32, 32), or 28x28, which is padded by 2, to logits (B, num_classes), float32 both.
    The published RBF output layer is a Dense layer here, so that it trains with cross-entropy.

    Args:
        num_classes: Length of the logits vector.
        options: The recipe's `model` section.

    Source:
        LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998, section II.B.
    """

    def __init__(self, num_classes: int, options: LeNet5OriginalOptions) -> None:
        super().__init__()
        self.pad = _PadTo32()
        self.squash = _ScaledTanh()
        self.c1 = nn.Conv2d(
            options.in_channels, 6, 5, pad_mode="valid", has_bias=True,
            weight_init=_lecun_normal(25 * options.in_channels), bias_init="zeros",
        )  # fmt: skip
        self.s2 = _SubSampling(6)
        self.c3 = _PartialConvolution(6, C3_TABLE)
        self.s4 = _SubSampling(16)
        self.flatten = nn.Flatten()
        self.c5 = nn.Dense(400, 120, weight_init=_lecun_normal(400), bias_init="zeros")
        self.f6 = nn.Dense(120, 84, weight_init=_lecun_normal(120), bias_init="zeros")
        self.dense = nn.Dense(84, num_classes, weight_init=_lecun_normal(84), bias_init="zeros")

    def construct(self, x: Tensor) -> Tensor:
        x = self.squash(self.c1(self.pad(x)))
        x = self.squash(self.s2(x))
        x = self.squash(self.c3(x))
        x = self.squash(self.s4(x))
        x = self.squash(self.c5(self.flatten(x)))
        x = self.squash(self.f6(x))
        return self.dense(x)


def _relu_convolution(in_channels: int, out_channels: int, has_bias: bool) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels, out_channels, 5, pad_mode="valid", has_bias=has_bias, weight_init=HeNormal(nonlinearity="relu"),
        bias_init="zeros" if has_bias else None,
    )  # fmt: skip


def _relu_dense(in_features: int, out_features: int) -> nn.Dense:
    return nn.Dense(in_features, out_features, weight_init=HeNormal(nonlinearity="relu"), bias_init="zeros")


class _ReluLeNet5(nn.Cell):
    """What today's LeNet5s share and what has no weights."""

    def __init__(self, pooling: Pooling) -> None:
        super().__init__()
        self.pad = _PadTo32()
        self.relu = nn.ReLU()
        self.relu_pool = nn.SequentialCell(nn.ReLU(), nn.MaxPool2d(2, 2) if pooling == "max" else nn.AvgPool2d(2, 2))
        self.flatten = nn.Flatten()


class LeNet5Modern(_ReluLeNet5):
    """LeNet5 as commonly written today: ReLU, pooling without parameters, fully connected C3.

    Pictures (B, in_channels, 32, 32), or 28x28, which is padded by 2, to logits (B, num_classes), float32 both.

    Args:
        num_classes: Length of the logits vector.
        options: The recipe's `model` section.
    """

    def __init__(self, num_classes: int, options: LeNet5ModernOptions) -> None:
        super().__init__(options.pooling)
        self.c1 = _relu_convolution(options.in_channels, 6, has_bias=True)
        self.c3 = _relu_convolution(6, 16, has_bias=True)
        self.c5 = _relu_dense(400, 120)
        self.f6 = _relu_dense(120, 84)
        self.dense = nn.Dense(84, num_classes, weight_init=_lecun_normal(84), bias_init="zeros")

    def construct(self, x: Tensor) -> Tensor:
        x = self.relu_pool(self.c1(self.pad(x)))
        x = self.relu_pool(self.c3(x))
        x = self.relu(self.c5(self.flatten(x)))
        x = self.relu(self.f6(x))
        return self.dense(x)


class LeNet5Improved(_ReluLeNet5):
    """LeNet5 with BatchNorm after each convolution and dropout before the last layer.

    Pictures (B, in_channels, 32, 32), or 28x28, which is padded by 2, to logits (B, num_classes), float32 both.

    Args:
        num_classes: Length of the logits vector.
        options: The recipe's `model` section.
    """

    def __init__(self, num_classes: int, options: LeNet5ImprovedOptions) -> None:
        super().__init__(options.pooling)
        self.c1 = _relu_convolution(options.in_channels, 6, has_bias=False)
        self.norm1 = nn.BatchNorm2d(6)
        self.c3 = _relu_convolution(6, 16, has_bias=False)
        self.norm3 = nn.BatchNorm2d(16)
        self.c5 = _relu_convolution(16, 120, has_bias=False)
        self.norm5 = nn.BatchNorm2d(120)
        self.f6 = _relu_dense(120, 84)
        self.dropout = Dropout(p=options.dropout)
        self.dense = nn.Dense(84, num_classes, weight_init=_lecun_normal(84), bias_init="zeros")

    def construct(self, x: Tensor) -> Tensor:
        x = self.relu_pool(self.norm1(self.c1(self.pad(x))))
        x = self.relu_pool(self.norm3(self.c3(x)))
        x = self.relu(self.norm5(self.c5(x)))
        x = self.relu(self.f6(self.flatten(x)))
        return self.dense(self.dropout(x))
