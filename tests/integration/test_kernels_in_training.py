"""Whole short trainings with and without the kernels."""

from collections.abc import Callable

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn
from sklearn.datasets import load_digits

from kernels.swap import apply_kernels
from netzoo import create_net
from netzoo.freeze import freeze

pytestmark = pytest.mark.usefixtures("kernels_in_graphs")


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Scans of 8x8 as pictures of 32x32, with noise: a hair's breadth decides between the equal values of a plain."""
    scans = load_digits()
    noise = np.random.default_rng(0).normal(scale=0.2, size=(len(scans.images), 32, 32))
    images = np.kron(scans.images, np.ones((4, 4))) / 8 - 1 + noise
    return images[:, None].astype(np.float32), scans.target.astype(np.int32)


def lenet5() -> nn.Cell:
    return create_net("lenet5_improved", num_classes=10, dropout=0.0)


def last_blocks_of_mobilenetv2() -> nn.Cell:
    network = create_net(
        "mobilenetv2", num_classes=10, width_mult=0.35, last_channel=64,
        inverted_residual_setting=((1, 16, 1, 1), (6, 24, 2, 2)),
    )  # fmt: skip
    freeze(network, "last_n_blocks:1")
    return network


def mobilenetv2_over_frozen_statistics() -> nn.Cell:
    network = create_net(
        "mobilenetv2", num_classes=10, width_mult=0.35, last_channel=64,
        inverted_residual_setting=((1, 16, 1, 1), (6, 24, 1, 2)),
    )  # fmt: skip
    freeze(network, statistics=True)
    return network


NETWORKS = pytest.mark.parametrize(
    ("make", "channels"), [(lenet5, 1), (last_blocks_of_mobilenetv2, 3), (mobilenetv2_over_frozen_statistics, 3)]
)


def train(
    make: Callable[[], nn.Cell], channels: int, with_kernels: bool, steps: int = 6
) -> tuple[list[float], dict[str, np.ndarray]]:
    """Train on digits; returns the losses, and all tensors by name."""
    ms.set_seed(0)
    network = make()
    if with_kernels:
        assert not apply_kernels(network).unavailable
    step = nn.TrainOneStepCell(
        nn.WithLossCell(network, nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")),
        nn.Momentum(network.trainable_params(), 0.03, 0.9),
    ).set_train()
    images, labels = digits()
    losses = []
    for i in range(steps):
        batch = slice(16 * i, 16 * i + 16)
        pictures = np.repeat(images[batch], channels, axis=1)
        losses.append(step(ms.Tensor(pictures), ms.Tensor(labels[batch])).asnumpy().item())
    return losses, {parameter.name: parameter.asnumpy() for parameter in network.get_parameters()}


@NETWORKS
def test_ends_where_mindspore_s_operators_end(make: Callable[[], nn.Cell], channels: int) -> None:
    losses, tensors = train(make, channels, with_kernels=True)
    own_losses, own_tensors = train(make, channels, with_kernels=False)
    np.testing.assert_allclose(losses, own_losses, rtol=1e-4)
    assert tensors.keys() == own_tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_allclose(tensor, own_tensors[name], rtol=1e-3, atol=1e-5, err_msg=name)


@NETWORKS
def test_the_same_seed_gives_the_same_bits(make: Callable[[], nn.Cell], channels: int) -> None:
    losses, tensors = train(make, channels, with_kernels=True)
    losses_again, tensors_again = train(make, channels, with_kernels=True)
    assert losses == losses_again
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, tensors_again[name], err_msg=name)
