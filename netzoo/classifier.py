"""The seam between a backbone and a head: global average pooling."""

from __future__ import annotations

from mindspore import Tensor, nn, ops

from netzoo.heads import Head
from netzoo.options import Activation


class PooledBackbone(nn.Cell):
    """A backbone followed by global average pooling: pictures (B, C, H, W) to feature vectors (B, D), float32 both."""

    def __init__(self, backbone: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.backbone = backbone

    def construct(self, x: Tensor) -> Tensor:
        return ops.mean(self.backbone(x), (2, 3))


class Classifier(nn.Cell):
    """Pictures (B, C, H, W) to logits or probabilities (B, num_classes), float32 both: backbone, pooling, head.

    Parameters are named as if there were no nesting.

    Args:
        backbone: Pictures (B, C, H, W) to feature maps (B, D, h, w), with `features`, its blocks in order.
        head: Feature vectors (B, D) to logits (B, num_classes).
        activation: none, softmax or sigmoid; applied only while not training.

    Attributes:
        pooled_backbone: Cell of pictures to feature vectors; shares the parameters.
        head: The head; shares the parameters.
    """

    def __init__(self, backbone: nn.Cell, head: Head, activation: Activation = "none") -> None:
        super().__init__(auto_prefix=False)
        self.pooled_backbone = PooledBackbone(backbone)
        self.head = head
        self.activation = activation
        self.softmax = nn.Softmax(axis=1)
        self.sigmoid = nn.Sigmoid()

    @property
    def backbone(self) -> nn.Cell:
        """The backbone without the pooling."""
        return self.pooled_backbone.backbone

    def construct(self, x: Tensor) -> Tensor:
        logits = self.head(self.pooled_backbone(x))
        if self.training or self.activation == "none":
            return logits
        if self.activation == "softmax":
            return self.softmax(logits)
        return self.sigmoid(logits)


class _Logits(nn.Cell):
    """Pictures (B, C, H, W) to logits (B, num_classes), float32 both."""

    def __init__(self, net: Classifier) -> None:
        super().__init__(auto_prefix=False)
        self.pooled_backbone = net.pooled_backbone
        self.head = net.head

    def construct(self, x: Tensor) -> Tensor:
        return self.head(self.pooled_backbone(x))


def logits_network(net: nn.Cell) -> nn.Cell:
    """Return a network that shares `net`'s parameters and gives logits even at inference, as a loss needs."""
    return _Logits(net) if getattr(net, "activation", "none") != "none" else net
