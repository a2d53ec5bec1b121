"""The compiled kernels as MindSpore operators, each with its gradient; all tensors but labels are float32.

Maps that do not suit a layer are refused when its graph is compiled. The kernels look for themselves too: one that is
called with other tensors computes nothing, and MindSpore raises a RuntimeError with its return value, which `STATUS`
says in words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mindspore import Tensor, ops

STATUS = {
    1: "another number of tensors than the kernel takes",
    2: "a tensor that is not float32, or labels that are not int32",
    3: "a tensor of a shape that does not suit the others",
    4: "not enough memory",
    5: "a label that is no class",
}
"""What the kernels return where they do not return 0 (kernels/src/common.h)."""

Shape = Sequence[int]


def custom(
    library: Path,
    kernel: str,
    shapes: Callable[..., Any],
    dtypes: Callable[..., Any],
    bprop: Callable[..., Any] | None = None,
) -> ops.Custom:
    """Make an operator of a kernel; `bprop` is its gradient."""
    return ops.Custom(f"{library}:{kernel}", out_shape=shapes, out_dtype=dtypes, func_type="aot", bprop=bprop)


def check_maps(shape: Shape, least: int = 1) -> None:
    """Refuse what is not maps of at least this many pixels a side."""
    if len(shape) != 4 or min(shape[2:]) < least:
        raise ValueError(f"this layer reads maps (N, C, H, W) of at least {least}x{least}, not {tuple(shape)}")


def depthwise_convolution(library: Path, stride: int, padding: int) -> ops.Custom:
    """Make the operator x (N, C, H, W), weight (C, 1, 3, 3) -> y.

    Args:
        library: the compiled kernels.
        stride: 1 or 2.
        padding: 0 or 1, on all sides.
    """

    def out_shape(x: Shape, weight: Shape) -> Shape:
        check_maps(x, 3 - 2 * padding)
        height, width = ((size + 2 * padding - 3) // stride + 1 for size in x[2:])
        return [x[0], x[1], height, width]

    variant = f"Stride{stride}Padding{padding}"
    backward = custom(
        library,
        f"DepthwiseBackward{variant}",
        lambda dy, weight, x: (x, weight),
        lambda dy, weight, x: (x, weight),
    )

    def bprop(x: Tensor, weight: Tensor, out: Tensor, dout: Tensor) -> tuple[Tensor, Tensor]:
        gradients = backward(dout, weight, x)
        return gradients[0], gradients[1]

    return custom(library, f"DepthwiseForward{variant}", out_shape, lambda x, weight: x, bprop)


def pointwise_convolution(library: Path) -> ops.Custom:
    """Make the operator x (N, C, H, W), weight (O, C, 1, 1) -> y (N, O, H, W).

    Args:
        library: the compiled kernels.
    """

    def out_shape(x: Shape, weight: Shape) -> Shape:
        check_maps(x)
        return [x[0], weight[0], x[2], x[3]]

    # Two operators: MindSpore leaves out the one whose gradient nobody asks for, as that of a frozen weight.
    of_input = custom(library, "PointwiseInputGradient", lambda dy, weight, x: x, lambda dy, weight, x: x)
    of_weight = custom(library, "PointwiseWeightGradient", lambda dy, x, weight: weight, lambda dy, x, weight: weight)

    def bprop(x: Tensor, weight: Tensor, out: Tensor, dout: Tensor) -> tuple[Tensor, Tensor]:
        return of_input(dout, weight, x), of_weight(dout, x, weight)

    return custom(library, "PointwiseForward", out_shape, lambda x, weight: x, bprop)


def convolution(library: Path) -> ops.Custom:
    """Make the operator x (N, C, H, W), weight (O, C, 5, 5), bias (O,) -> y (N, O, H - 4, W - 4).

    Args:
        library: the compiled kernels.
    """

    def out_shape(x: Shape, weight: Shape, bias: Shape) -> Shape:
        check_maps(x, 5)
        return [x[0], weight[0], x[2] - 4, x[3] - 4]

    # Two operators, for the first layer of a network needs no gradient of its input: MindSpore then leaves it out.
    of_input = custom(library, "Convolution5x5InputGradient", lambda dy, weight, x: x, lambda dy, weight, x: x)
    of_weight = custom(
        library,
        "Convolution5x5WeightGradient",
        lambda dy, x, weight: (weight, [weight[0]]),
        lambda dy, x, weight: (weight, weight),
    )

    def bprop(x: Tensor, weight: Tensor, bias: Tensor, out: Tensor, dout: Tensor) -> tuple[Tensor, ...]:
        gradients = of_weight(dout, x, weight)
        return of_input(dout, weight, x), gradients[0], gradients[1]

    return custom(library, "Convolution5x5Forward", out_shape, lambda x, weight, bias: x, bprop)


def batch_norm(library: Path, relu6: bool) -> ops.Custom:
    """Make BatchNorm by the statistics of the batch.

    The operator takes x (N, C, H, W), gamma, beta, moving mean, moving variance, each (C,), and (eps, momentum); it
    returns y, the batch's mean, 1 / its deviation, and what the two moving statistics become.

    Args:
        library: the compiled kernels.
        relu6: whether a ReLU6 follows.
    """
    name = "BatchNormRelu6" if relu6 else "BatchNorm"
    backward = custom(
        library,
        f"{name}Backward",
        lambda dy, x, gamma, beta, mean, inverse: (x, gamma, beta),
        lambda dy, x, gamma, beta, mean, inverse: (x, gamma, beta),
    )

    def bprop(
        x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, settings: Tensor, out: Any, dout: Any
    ) -> tuple[Tensor, ...]:
        gradients = backward(dout[0], x, gamma, beta, out[1], out[2])
        zeros = ops.zeros_like(mean)
        return gradients[0], gradients[1], gradients[2], zeros, zeros, ops.zeros_like(settings)

    def out_shapes(
        x: Shape, gamma: Shape, beta: Shape, mean: Shape, variance: Shape, settings: Shape
    ) -> tuple[Shape, ...]:
        check_maps(x)
        return x, mean, variance, mean, variance

    return custom(
        library,
        f"{name}Forward",
        out_shapes,
        lambda x, gamma, beta, mean, variance, settings: (x, mean, variance, mean, variance),
        bprop,
    )


def frozen_batch_norm(library: Path, relu6: bool, trains: bool) -> ops.Custom:
    """Make BatchNorm by its running statistics: x, gamma, beta, mean, variance, (eps,) -> y.

    Args:
        library: the compiled kernels.
        relu6: whether a ReLU6 follows.
        trains: whether gamma or beta need a gradient; without, theirs is zero.
    """
    name = "FrozenBatchNormRelu6" if relu6 else "FrozenBatchNorm"
    if trains:
        backward = custom(
            library,
            f"{name}BackwardTraining",
            lambda dy, x, gamma, beta, mean, variance, eps: (x, gamma, beta),
            lambda dy, x, gamma, beta, mean, variance, eps: (x, gamma, beta),
        )
    else:
        backward = custom(
            library,
            f"{name}Backward",
            lambda dy, x, gamma, beta, mean, variance, eps: x,
            lambda dy, x, gamma, beta, mean, variance, eps: x,
        )

    def bprop(
        x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, eps: Tensor, out: Tensor, dout: Tensor
    ) -> tuple[Tensor, ...]:
        gradients = backward(dout, x, gamma, beta, mean, variance, eps)
        zeros = ops.zeros_like(gamma)
        if trains:
            return gradients[0], gradients[1], gradients[2], zeros, zeros, ops.zeros_like(eps)
        return gradients, zeros, zeros, zeros, zeros, ops.zeros_like(eps)

    def out_shape(x: Shape, gamma: Shape, beta: Shape, mean: Shape, variance: Shape, eps: Shape) -> Shape:
        check_maps(x)
        return x

    return custom(
        library,
        f"{name}Forward",
        out_shape,
        lambda x, gamma, beta, mean, variance, eps: x,
        bprop,
    )


def pooling(library: Path, kind: str, relu: bool) -> ops.Custom:
    """Make 2x2 pooling with stride 2: x (N, C, H, W) -> y (N, C, H // 2, W // 2).

    Args:
        library: the compiled kernels.
        kind: `Max` or `Average`.
        relu: whether it is of ReLU(x).
    """
    name = f"Relu{kind}Pool" if relu else f"{kind}Pool"
    backward = custom(library, f"{name}Backward", lambda dy, x: x, lambda dy, x: x)

    def bprop(x: Tensor, out: Tensor, dout: Tensor) -> tuple[Tensor]:
        return (backward(dout, x),)

    def out_shape(x: Shape) -> Shape:
        check_maps(x, 2)
        return [x[0], x[1], x[2] // 2, x[3] // 2]

    return custom(library, f"{name}Forward", out_shape, lambda x: x, bprop)


def zero_padding(library: Path, rows: int, columns: int) -> ops.Custom:
    """Make the operator x (N, C, H, W) -> y (N, C, H + 2 rows, W + 2 columns), with zeros around x.

    Args:
        library: the compiled kernels.
        rows: of zeros, above and below.
        columns: of zeros, to the left and to the right.
    """

    def out_shape(x: Shape) -> Shape:
        check_maps(x)
        return [x[0], x[1], x[2] + 2 * rows, x[3] + 2 * columns]

    def bprop(x: Tensor, out: Tensor, dout: Tensor) -> tuple[Tensor]:
        return (ops.slice(dout, (0, 0, rows, columns), x.shape),)

    return custom(library, "ZeroPaddingForward", out_shape, lambda x: x, bprop)
