"""A network of one convolution, as a project beside this one would add it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import Tensor, nn

if TYPE_CHECKING:
    from tests.networks.tiny_options import TinyOptions


class Tiny(nn.Cell):
    """Gray pictures (B, 1, 8, 8) to logits (B, num_classes), float32 both."""

    def __init__(self, num_classes: int, options: TinyOptions) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(options.channels, options.maps, 3, pad_mode="valid", has_bias=True)
        self.relu = nn.ReLU()
        self.flatten = nn.Flatten()
        self.dense = nn.Dense(options.maps * 36, num_classes)

    def construct(self, x: Tensor) -> Tensor:
        return self.dense(self.flatten(self.relu(self.convolution(x))))
