"""Loss and update of a training step on the compiled kernels: one operator each, where MindSpore takes many.

A network as small as LeNet5 spends more on the bookkeeping for such operators than on their arithmetic.
"""

from __future__ import annotations

from pathlib import Path

import mindspore as ms
from mindspore import Tensor, nn, ops

from kernels.operators import Shape, custom


class CrossEntropy(nn.Cell):
    """The mean cross-entropy of a batch, and how many answers are right.

    Args:
        library: the compiled kernels.
        label_smoothing: probability mass spread over all classes.

    A call takes logits, float32 (B, C), and labels, int32 (B,), and returns two float32 scalars; of the second there
    is no gradient.
    """

    def __init__(self, library: Path, label_smoothing: float) -> None:
        super().__init__(auto_prefix=False)
        self.smoothing = Tensor([label_smoothing], ms.float32)
        self.compute = _cross_entropy(library)

    def construct(self, logits: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        out = self.compute(logits, label, self.smoothing)
        return out[0], ops.stop_gradient(out[1])


def _cross_entropy(library: Path) -> ops.Custom:
    """Make the operator logits (B, C), label (B,), (smoothing,) -> loss (), right answers ()."""
    backward = custom(
        library,
        "CrossEntropyBackward",
        lambda dloss, logits, label, smoothing: logits,
        lambda dloss, logits, label, smoothing: logits,
    )

    def bprop(
        logits: Tensor, label: Tensor, smoothing: Tensor, out: tuple[Tensor, Tensor], dout: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, ...]:
        return backward(dout[0], logits, label, smoothing), ops.zeros_like(label), ops.zeros_like(smoothing)

    return custom(
        library,
        "CrossEntropyForward",
        lambda logits, label, smoothing: ([], []),
        lambda logits, label, smoothing: (logits, logits),
        bprop,
    )


def adamw_step(library: Path) -> ops.Custom:
    """Make the operator that takes a step of AdamW, in place, and returns a scalar that says when.

    It takes (beta1, beta2, epsilon), the decays (n,), beta1^t, beta2^t, and then of each of n parameters its gradient,
    learning rate, weights, and moving averages of the gradient and of its square.

    Args:
        library: the compiled kernels.
    """

    def out_shape(settings: Shape, *others: Shape) -> Shape:
        return []

    step = custom(library, "AdamWStep", out_shape, lambda settings, *others: settings)
    # The graph then orders it after what reads the weights and before what reads them next.
    step.add_prim_attr("side_effect_mem", True)
    return step
