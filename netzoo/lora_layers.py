"""Layers with a low-rank adapter beside them."""

from __future__ import annotations

import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.initializer import HeUniform, initializer

from netzoo.dropout import Dropout


class LoraLayer(nn.Cell):
    """A frozen layer plus (alpha / rank) B A dropout(x); B starts at zero, so the sum starts as the layer.

    Args:
        base: The layer; keeps its parameter names.
        name: The layer's name; its adapter is named `<name>.lora_a` and `<name>.lora_b`.
        shape_a: Shape of A, the projection to `rank` values.
        shape_b: Shape of B, the projection back.
        alpha: The adapter's output is scaled by alpha / rank.
        dropout: Share of the adapter's inputs dropped in training.

    Source:
        Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021.
    """

    def __init__(
        self,
        base: nn.Cell,
        name: str,
        shape_a: tuple[int, ...],
        shape_b: tuple[int, ...],
        alpha: float,
        dropout: float,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.base = base
        self.name = name
        self.rank = shape_a[0]
        self.alpha = alpha
        self.dropout_rate = dropout
        self.scale = alpha / self.rank
        self.dropout = Dropout(p=dropout)
        # negative_slope sqrt(5) makes the bound 1 / sqrt(fan_in), the usual start of A
        self.lora_a = Parameter(initializer(HeUniform(negative_slope=5**0.5), shape_a), name=f"{name}.lora_a")
        self.lora_b = Parameter(initializer("zeros", shape_b), name=f"{name}.lora_b")
        base.weight.requires_grad = False
        if base.has_bias:
            base.bias.requires_grad = False

    def merged_base(self) -> nn.Cell:
        """Add the adapter to the layer's weight and return the layer."""
        a, b = (p.asnumpy().reshape(p.shape[:2]).astype(np.float64) for p in (self.lora_a, self.lora_b))
        weight = self.base.weight
        delta = (self.scale * (b @ a)).reshape(weight.shape)
        weight.set_data(Tensor((weight.asnumpy() + delta).astype(np.float32), dtype=weight.dtype))
        return self.base


class LoraDense(LoraLayer):
    """A Dense layer with an adapter: A (rank, in_features), B (out_features, rank).

    (B, in_features) to (B, out_features), float32 both.
    """

    def __init__(self, base: nn.Dense, name: str, rank: int, alpha: float, dropout: float) -> None:
        out_features, in_features = base.weight.shape
        super().__init__(base, name, (rank, in_features), (out_features, rank), alpha, dropout)
        self.project = ops.MatMul(transpose_b=True)

    def construct(self, x: Tensor) -> Tensor:
        low_rank = self.project(self.dropout(x), self.lora_a)
        return self.base(x) + self.scale * self.project(low_rank, self.lora_b)


class LoraConv1x1(LoraLayer):
    """A 1x1 convolution with an adapter: A (rank, in_channels, 1, 1), B (out_channels, rank, 1, 1).

    (B, in_channels, H, W) to (B, out_channels, H, W), float32 both; strided as the convolution is.
    """

    def __init__(self, base: nn.Conv2d, name: str, rank: int, alpha: float, dropout: float) -> None:
        out_channels, in_channels = base.weight.shape[:2]
        super().__init__(base, name, (rank, in_channels, 1, 1), (out_channels, rank, 1, 1), alpha, dropout)
        self.down = ops.Conv2D(rank, (1, 1), stride=base.stride)
        self.up = ops.Conv2D(out_channels, (1, 1))

    def construct(self, x: Tensor) -> Tensor:
        low_rank = self.down(self.dropout(x), self.lora_a)
        return self.base(x) + self.scale * self.up(low_rank, self.lora_b)
