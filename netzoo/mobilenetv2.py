"""MobileNetV2; parameter names and shapes are those of the MindSpore ModelZoo."""

from __future__ import annotations

from mindspore import Tensor, nn
from mindspore.common.initializer import HeNormal

from netzoo.classifier import Classifier
from netzoo.heads import create_head
from netzoo.options import BlockRow, MobileNetV2Options

PAPER_SETTING: tuple[BlockRow, ...] = (
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


class ConvBNReLU6(nn.Cell):
    """Convolution, BatchNorm, ReLU6: (B, in_channels, H, W) to (B, out_channels, H/stride, W/stride), float32 both."""

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
    """1x1 expansion (unless 1), 3x3 depthwise, linear 1x1 projection; a shortcut where the shapes allow it.

    (B, in_channels, H, W) to (B, out_channels, H/stride, W/stride), float32 both.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        layers: list[nn.Cell] = [] if expansion == 1 else [ConvBNReLU6(in_channels, hidden, 1)]
        layers += [
            ConvBNReLU6(hidden, hidden, 3, stride, group=hidden),
            _convolution(hidden, out_channels, 1),
            nn.BatchNorm2d(out_channels),
        ]
        self.conv = nn.SequentialCell(layers)
        self.shortcut = stride == 1 and in_channels == out_channels

    def construct(self, x: Tensor) -> Tensor:
        out = self.conv(x)
        return x + out if self.shortcut else out


class MobileNetV2Backbone(nn.Cell):
    """MobileNetV2 up to its last feature map: (B, 3, H, W) to (B, out_channels, H/32, W/32), float32 both.

    Args:
        options: Widths and rows of blocks; the head is not looked at.

    Attributes:
        features: First convolution, inverted residual blocks, last 1x1 convolution.
        out_channels: Channels of the last feature map.

    Source:
        Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018.
    """

    def __init__(self, options: MobileNetV2Options) -> None:
        super().__init__()
        width_mult, divisor = options.width_mult, options.round_nearest
        rows = PAPER_SETTING if options.inverted_residual_setting is None else options.inverted_residual_setting
        channels = round_channels(options.input_channel * width_mult, divisor)
        layers: list[nn.Cell] = [ConvBNReLU6(options.channels, channels, 3, stride=2)]
        for expansion, row_channels, repeats, first_stride in rows:
            out_channels = round_channels(row_channels * width_mult, divisor)
            for repeat in range(repeats):
                layers.append(_InvertedResidual(channels, out_channels, first_stride if repeat == 0 else 1, expansion))
                channels = out_channels
        self.out_channels = round_channels(options.last_channel * max(1.0, width_mult), divisor)
        layers.append(ConvBNReLU6(channels, self.out_channels, 1))
        self.features = nn.SequentialCell(layers)

    def construct(self, x: Tensor) -> Tensor:
        return self.features(x)


def mobilenetv2(num_classes: int, options: MobileNetV2Options) -> Classifier:
    """Make MobileNetV2: RGB pictures (B, 3, H, W) to logits (B, num_classes), float32 both.

    Args:
        num_classes: Length of the logits vector.
        options: The recipe's `model` section.
    """
    backbone = MobileNetV2Backbone(options)
    head = create_head(backbone.out_channels, num_classes, options.head)
    return Classifier(backbone, head, options.head.activation)
