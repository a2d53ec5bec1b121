"""MobileNetV2; parameter names and shapes are those of the MindSpore ModelZoo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mindspore import Tensor, nn
from mindspore.common.initializer import HeNormal

from common.errors import NetError
from netzoo.classifier import Classifier
from netzoo.heads import create_head

InvertedResidualSetting = Sequence[Sequence[int]]

PAPER_SETTING: InvertedResidualSetting = (
    # expansion, channels, repeats, stride: table 2 of the paper
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def round_channels(channels: float, divisor: int) -> int:
    """Round to the nearest multiple of `divisor`, but never to less than 90 % of `channels`."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _convolution(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, group: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        stride,
        pad_mode="pad",
        padding=(kernel_size - 1) // 2,
        group=group,
        has_bias=False,
        weight_init=HeNormal(mode="fan_out", nonlinearity="relu"),
    )


class _ConvBNReLU6(nn.Cell):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, group: int = 1) -> None:
        super().__init__()
        self.features = nn.SequentialCell(
            [
                _convolution(in_channels, out_channels, kernel_size, stride, group),
                nn.BatchNorm2d(out_channels),
                nn.ReLU6(),
            ]
        )

    def construct(self, x: Tensor) -> Tensor:
        return self.features(x)


class _InvertedResidual(nn.Cell):
    """1x1 expansion (unless 1), 3x3 depthwise, linear 1x1 projection; a shortcut where the shapes allow it."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        layers: list[nn.Cell] = [] if expansion == 1 else [_ConvBNReLU6(in_channels, hidden, 1)]
        layers += [
            _ConvBNReLU6(hidden, hidden, 3, stride, group=hidden),
            _convolution(hidden, out_channels, 1),
            nn.BatchNorm2d(out_channels),
        ]
        self.conv = nn.SequentialCell(layers)
        self.shortcut = stride == 1 and in_channels == out_channels

    def construct(self, x: Tensor) -> Tensor:
        out = self.conv(x)
        return x + out if self.shortcut else out


class MobileNetV2Backbone(nn.Cell):
    """MobileNetV2 up to its last feature map: (B, 3, H, W) to (B, out_channels, H/32, W/32).

    Args:
        width_mult: Multiplies every layer's channels.
        round_nearest: Channels are rounded to a multiple of this.
        input_channel: Channels of the first convolution at width 1.0.
        last_channel: Channels of the last feature map at widths up to 1.0 (narrower networks keep it).
        inverted_residual_setting: Rows of (expansion, channels, repeats, stride); None is the paper's table 2.

    Attributes:
        features: First convolution, inverted residual blocks, last 1x1 convolution.
        out_channels: Channels of the last feature map.

    Source:
        Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018.
    """

    def __init__(
        self,
        width_mult: float = 1.0,
        round_nearest: int = 8,
        input_channel: int = 32,
        last_channel: int = 1280,
        inverted_residual_setting: InvertedResidualSetting | None = None,
    ) -> None:
        super().__init__()
        channels = round_channels(input_channel * width_mult, round_nearest)
        layers: list[nn.Cell] = [_ConvBNReLU6(3, channels, 3, stride=2)]
        for row in PAPER_SETTING if inverted_residual_setting is None else inverted_residual_setting:
            if len(row) != 4 or min(row) < 1:
                raise NetError(
                    f"a row of inverted_residual_setting is (expansion, channels, repeats, stride), not {tuple(row)}"
                )
            expansion, row_channels, repeats, first_stride = row
            out_channels = round_channels(row_channels * width_mult, round_nearest)
            for repeat in range(repeats):
                layers.append(_InvertedResidual(channels, out_channels, first_stride if repeat == 0 else 1, expansion))
                channels = out_channels
        self.out_channels = round_channels(last_channel * max(1.0, width_mult), round_nearest)
        layers.append(_ConvBNReLU6(channels, self.out_channels, 1))
        self.features = nn.SequentialCell(layers)

    def construct(self, x: Tensor) -> Tensor:
        return self.features(x)


def mobilenetv2(
    num_classes: int,
    width_mult: float = 1.0,
    round_nearest: int = 8,
    input_channel: int = 32,
    last_channel: int = 1280,
    inverted_residual_setting: InvertedResidualSetting | None = None,
    head: Mapping[str, Any] | None = None,
) -> Classifier:
    """Make MobileNetV2: RGB pictures (B, 3, H, W), float32, to logits (B, num_classes).

    Args:
        num_classes: Length of the logits vector.
        width_mult: See `MobileNetV2Backbone`, also for the four arguments that follow.
        round_nearest: Channels are rounded to a multiple of this.
        input_channel: Channels of the first convolution at width 1.0.
        last_channel: Length of the pooled feature vector at widths up to 1.0.
        inverted_residual_setting: Rows of (expansion, channels, repeats, stride).
        head: `kind` (dense, v3), `dropout`, `hidden_channels` (v3), `activation` (none, softmax, sigmoid).
    """
    backbone = MobileNetV2Backbone(width_mult, round_nearest, input_channel, last_channel, inverted_residual_setting)
    head_options = dict(head or {})
    activation = head_options.pop("activation", "none")
    return Classifier(backbone, create_head(backbone.out_channels, num_classes, **head_options), activation)
