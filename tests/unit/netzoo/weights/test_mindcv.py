"""mindcv's checkpoints, by the names and channels of its published model, reach the layers they are of."""

from __future__ import annotations

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

from netzoo import create_net, load_weights, read_weights
from netzoo.weights.width import width_of

# First convolution, then what the seven rows of blocks give, then the last one: mindcv's make_divisible by hand.
CHANNELS = {
    0.75: (24, (16, 24, 24, 48, 72, 120, 240), 1280),
    1.0: (32, (16, 24, 32, 64, 96, 160, 320), 1280),
    1.4: (48, (24, 32, 48, 88, 136, 224, 448), 1792),
}
REPEATS = (1, 2, 3, 4, 3, 3, 1)
NORM = ("moving_mean", "moving_variance", "gamma", "beta")


def norm(cell: str, channels: int) -> dict[str, tuple[int, ...]]:
    return {f"{cell}.{part}": (channels,) for part in NORM}


def published(width: float) -> dict[str, tuple[int, ...]]:
    """Names and shapes as mindcv's MobileNetV2 has them: `features` is one flat list, each ReLU6 has a place in it."""
    first, rows, last = CHANNELS[width]
    shapes: dict[str, tuple[int, ...]] = {"features.0.weight": (first, 3, 3, 3)} | norm("features.1", first)
    channels, place = first, 3
    for row, (out, repeats) in enumerate(zip(rows, REPEATS, strict=True)):
        for _ in range(repeats):
            block, hidden, layer = f"features.{place}.layers", channels * (6 if row else 1), 0
            if row:
                shapes |= {f"{block}.0.weight": (hidden, channels, 1, 1)} | norm(f"{block}.1", hidden)
                layer = 3
            shapes |= {f"{block}.{layer}.weight": (hidden, 1, 3, 3)} | norm(f"{block}.{layer + 1}", hidden)
            shapes |= {f"{block}.{layer + 3}.weight": (out, hidden, 1, 1)} | norm(f"{block}.{layer + 4}", out)
            channels, place = out, place + 1
    shapes |= {f"features.{place}.weight": (last, channels, 1, 1)} | norm(f"features.{place + 1}", last)
    return shapes | {"classifier.1.weight": (1000, last), "classifier.1.bias": (1000,)}


@pytest.mark.parametrize("width", CHANNELS)
def test_every_tensor_of_a_checkpoint_reaches_its_layer(width: float, tmp_path: Path) -> None:
    path = tmp_path / "mobilenet_v2.ckpt"
    shapes = published(width)
    tensors = [
        {"name": name, "data": ms.Tensor(np.full(shape, i, np.float32))}
        for i, (name, shape) in enumerate(shapes.items())
    ]
    ms.save_checkpoint(tensors, str(path))

    weights = read_weights(path)
    net = create_net("mobilenetv2", num_classes=1000, width_mult=width)
    report = load_weights(net, weights)

    assert width_of(weights) == width
    assert len(report.loaded) == len(shapes) == 262
    # Both list their layers in the order of computing, so that numbers in order are layers in order.
    assert [int(parameter.asnumpy().flat[0]) for parameter in net.get_parameters()] == list(range(262))


def test_a_file_of_no_published_width_has_none() -> None:
    assert width_of({"dense.weight": np.zeros((2, 3))}) is None
    assert width_of({name: np.zeros(shape) for name, shape in published(1.0).items()}) is None  # not renamed yet
