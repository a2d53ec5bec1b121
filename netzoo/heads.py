"""Classifiers on top of a pooled feature vector."""

from __future__ import annotations

import numpy as np
from mindspore import Tensor, nn, ops
from mindspore.common.initializer import Normal

from common.errors import NetError
from netzoo.dropout import Dropout
from netzoo.options import HeadOptions


def _classifier_layer(in_features: int, num_classes: int) -> nn.Dense:
    return nn.Dense(in_features, num_classes, weight_init=Normal(0.01), bias_init="zeros")


class Head(nn.Cell):
    """Pooled features (B, in_features) to logits (B, num_classes), float32 both; the last layer is `dense`."""

    dense: nn.Dense

    def set_classifier(self, weight: np.ndarray, bias: np.ndarray) -> None:
        """Set the last layer, for instance to a solved one (`netzoo.closed_form`).

        Args:
            weight: (num_classes, D), D being the length of the last layer's input; any float.
            bias: (num_classes,); any float.

        Raises:
            NetError: The shapes are not those of the last layer, or an adapter sits on it.
        """
        if not isinstance(self.dense, nn.Dense):
            raise NetError("the head's last layer has an adapter: solve the head before adding adapters")
        expected = tuple(self.dense.weight.shape)
        if weight.shape != expected or bias.shape != expected[:1]:
            raise NetError(f"the head's last layer is {expected}, the solved one {weight.shape} with bias {bias.shape}")
        self.dense.weight.set_data(Tensor(np.ascontiguousarray(weight, np.float32)))
        self.dense.bias.set_data(Tensor(np.ascontiguousarray(bias, np.float32)))


class DenseHead(Head):
    """Dropout, then one Dense layer named `dense` (the ModelZoo's name).

    Args:
        in_features: Length of the pooled feature vector.
        num_classes: Length of the logits vector.
        dropout: Share of the inputs dropped in training.
    """

    def __init__(self, in_features: int, num_classes: int, dropout: float) -> None:
        super().__init__(auto_prefix=True)
        self.dropout = Dropout(p=dropout)
        self.dense = _classifier_layer(in_features, num_classes)

    def construct(self, features: Tensor) -> Tensor:
        return self.dense(self.dropout(features))


class _HiddenLayer(nn.Cell):
    """Dense, BatchNorm, HSwish: (B, in_features) to (B, out_features), float32 both."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.hidden = nn.Dense(in_features, out_features, weight_init="HeNormal", has_bias=False)
        # BatchNorm1d writes the batch size into exported graphs; BatchNorm2d on (B, C, 1, 1) does not.
        self.norm = nn.BatchNorm2d(out_features)
        self.relu6 = nn.ReLU6()
        self.flatten = nn.Flatten()
        self.out_features = out_features

    def construct(self, features: Tensor) -> Tensor:
        x = ops.reshape(self.hidden(features), (-1, self.out_features, 1, 1))
        x = self.flatten(self.norm(x))
        return x * self.relu6(x + 3.0) / 6.0  # HSwish, in operators that ONNX has


class V3Head(Head):
    """MobileNetV3's two-layer head: Dense, BatchNorm, HSwish, dropout, Dense.

    Args:
        in_features: Length of the pooled feature vector.
        num_classes: Length of the logits vector.
        hidden_channels: Width of the first layer.
        dropout: Share of the last layer's inputs dropped in training.

    Source:
        Howard et al., Searching for MobileNetV3, 2019, section 5.1.
    """

    def __init__(self, in_features: int, num_classes: int, hidden_channels: int, dropout: float) -> None:
        super().__init__()
        self.head = _HiddenLayer(in_features, hidden_channels)
        self.dropout = Dropout(p=dropout)
        self.dense = _classifier_layer(hidden_channels, num_classes)

    def construct(self, features: Tensor) -> Tensor:
        return self.dense(self.dropout(self.head(features)))


def create_head(in_features: int, num_classes: int, options: HeadOptions) -> Head:
    """Make the head of a recipe.

    Args:
        in_features: Length of the pooled feature vector.
        num_classes: Length of the logits vector.
        options: its `hidden_channels` mean something to kind v3 only.
    """
    if options.kind == "dense":
        return DenseHead(in_features, num_classes, options.dropout)
    return V3Head(in_features, num_classes, options.hidden_channels, options.dropout)
