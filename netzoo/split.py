"""A network in two: the front that is frozen, whose outputs can be cached, and the rest that trains."""

from __future__ import annotations

from collections.abc import Sequence

from mindspore import Tensor, nn, ops

from common.errors import NetError
from netzoo.blocks import block_index
from netzoo.classifier import Classifier


class _Front(nn.Cell):
    """Pictures (B, C, H, W) to feature maps (B, D, h, w), float32 both."""

    def __init__(self, blocks: Sequence[nn.Cell]) -> None:
        super().__init__(auto_prefix=False)
        self.blocks = nn.CellList(list(blocks), auto_prefix=False)

    def construct(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class _Rest(_Front):
    """Feature maps (B, D, h, w) to logits (B, num_classes), float32 both."""

    def __init__(self, blocks: Sequence[nn.Cell], head: nn.Cell) -> None:
        super().__init__(blocks)
        self.head = head

    def construct(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(ops.mean(x, (2, 3)))


def split_frozen(net: Classifier) -> tuple[nn.Cell, nn.Cell]:
    """Split a network before the first block that trains; both parts share its parameters.

    Args:
        net: frozen as it will be trained.

    Returns:
        Front, pictures (B, C, H, W) to feature maps (B, D, h, w), or to pooled features (B, D) if no block trains;
        and the rest, from there to logits (B, num_classes); all float32.

    Raises:
        NetError: The first block trains already.
    """
    trained = [index for p in net.trainable_params() if (index := block_index(p.name)) is not None]
    if not trained:
        return net.pooled_backbone, net.head
    first = min(trained)
    if first == 0:
        raise NetError("no block in front is frozen, there is nothing to cache")
    blocks = list(net.backbone.features)
    return _Front(blocks[:first]), _Rest(blocks[first:], net.head)
