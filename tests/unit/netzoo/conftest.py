"""Networks small enough to compile in a second."""

from __future__ import annotations

from collections.abc import Callable

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from netzoo import create_net


@pytest.fixture(scope="session", autouse=True)
def graph_mode() -> None:
    ms.set_context(mode=ms.GRAPH_MODE)


@pytest.fixture
def small_mobilenet() -> Callable[..., nn.Cell]:
    """MobileNetV2 with three inverted residual blocks; parameters depend on nothing but the seed."""

    def make(seed: int = 0, **options: object) -> nn.Cell:
        ms.set_seed(seed)
        settings = {"width_mult": 0.35, "inverted_residual_setting": ((1, 16, 1, 1), (6, 24, 2, 2)), "last_channel": 64}
        net = create_net("mobilenetv2", num_classes=5, **{**settings, **options})
        # Fresh networks give logits near 0; the promises below are to be kept at the scale of trained ones.
        net.head.set_classifier(np.random.default_rng(seed).normal(size=net.head.dense.weight.shape), np.zeros(5))
        return net.set_train(False)

    return make


@pytest.fixture
def pictures() -> ms.Tensor:
    return ms.Tensor(np.random.default_rng(1).normal(size=(8, 3, 32, 32)).astype(np.float32))


@pytest.fixture
def labels() -> ms.Tensor:
    return ms.Tensor(np.arange(8) % 5, ms.int32)
