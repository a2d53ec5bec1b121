"""The peers' networks, in PyTorch; needs nothing of this project."""

from __future__ import annotations

from torch import Tensor, nn

ROWS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(outputs)]


class _Block(nn.Module):
    """Inverted residual: (B, inputs, H, W) to (B, outputs, H/stride, W/stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [] if expansion == 1 else [*_convolution(inputs, hidden, 1), nn.ReLU6(inplace=True)]
        depthwise = [*_convolution(hidden, hidden, 3, stride, hidden), nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*expand, *depthwise, *_convolution(hidden, outputs, 1))
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Compute the block."""
        return x + self.layers(x) if self.shortcut else self.layers(x)


def mobilenetv2(classes: int) -> nn.Module:
    """MobileNetV2 1.0 with a linear head: (B, 3, H, W) to logits (B, classes)."""
    layers: list[nn.Module] = [*_convolution(3, 32, 3, 2), nn.ReLU6(inplace=True)]
    channels = 32
    for expansion, outputs, repeats, first_stride in ROWS:
        for repeat in range(repeats):
            layers.append(_Block(channels, outputs, first_stride if repeat == 0 else 1, expansion))
            channels = outputs
    layers += [*_convolution(channels, 1280, 1), nn.ReLU6(inplace=True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, classes))


def lenet5(classes: int) -> nn.Module:
    """LeNet5 as commonly written today: (B, 1, 32, 32) to logits (B, classes)."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes)),
    )
