import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mindspore import Tensor, nn

from common.errors import NetError
from netzoo import create_net
from netzoo.classifier import logits_network
from netzoo.count import count_parameters
from netzoo.mobilenetv2 import round_channels


# Sizes in million, from timm's results table.
@pytest.mark.parametrize(("width_mult", "million"), [(0.5, 1.97), (1.4, 6.11)])
def test_other_widths_have_their_published_size(width_mult: float, million: float) -> None:
    net = create_net("mobilenetv2", num_classes=1000, width_mult=width_mult)
    assert round(count_parameters(net).total / 1e6, 2) == million


def test_parameter_names_and_shapes_are_the_model_zoos(shared: Path) -> None:
    with (shared / "facts" / "modelzoo_mobilenetv2_params.csv").open() as file:
        published = {(row["name"], row["shape"], row["trainable"]) for row in csv.DictReader(file)}
    net = create_net("mobilenetv2", num_classes=1000)
    assert {(p.name, "x".join(map(str, p.shape)), str(p.requires_grad)) for p in net.get_parameters()} == published


@given(st.floats(1, 4000), st.sampled_from([1, 4, 8, 16]))
def test_channels_are_a_multiple_and_shrink_by_at_most_a_tenth(channels: float, divisor: int) -> None:
    rounded = round_channels(channels, divisor)
    assert rounded % divisor == 0
    assert 0.9 * channels <= rounded <= channels + divisor


def test_the_head_reads_the_pooled_features(small_mobilenet: Callable[..., nn.Cell], pictures: Tensor) -> None:
    net = small_mobilenet()
    features = net.pooled_backbone(pictures)
    assert features.shape == (8, 64)
    np.testing.assert_allclose(features.asnumpy(), net.backbone(pictures).asnumpy().mean(axis=(2, 3)), atol=1e-5)
    np.testing.assert_allclose(net.head(features).asnumpy(), net(pictures).asnumpy(), atol=1e-5)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_the_activation_is_applied_at_inference_only(
    small_mobilenet: Callable[..., nn.Cell], pictures: Tensor, activation: str
) -> None:
    net = small_mobilenet(head={"activation": activation, "dropout": 0.0})
    logits = logits_network(net)(pictures).asnumpy()
    exponential = np.exp(logits)
    expected = {
        "softmax": exponential / exponential.sum(axis=1, keepdims=True),
        "sigmoid": exponential / (1 + exponential),
    }[activation]
    np.testing.assert_allclose(net(pictures).asnumpy(), expected, atol=1e-5)

    training_logits = net.set_train(True)(pictures).asnumpy()
    assert training_logits.min() < 0


def test_the_v3_head_is_two_layers_with_hswish_between(small_mobilenet: Callable[..., nn.Cell]) -> None:
    head = small_mobilenet(head={"kind": "v3", "hidden_channels": 16}).head
    features = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32) * 3
    hidden = features @ head.head.hidden.weight.asnumpy().T / np.sqrt(1 + 1e-5)  # fresh BatchNorm
    hswish = hidden * np.clip(hidden + 3, 0, 6) / 6
    expected = hswish @ head.dense.weight.asnumpy().T + head.dense.bias.asnumpy()
    np.testing.assert_allclose(head(ms.Tensor(features)).asnumpy(), expected, atol=1e-4)


def test_a_solved_classifier_of_another_shape_is_refused(small_mobilenet: Callable[..., nn.Cell]) -> None:
    with pytest.raises(NetError, match=r"\(5, 64\)"):
        small_mobilenet().head.set_classifier(np.zeros((5, 63)), np.zeros(5))


@pytest.mark.parametrize(
    "options",
    [{"head": {"kind": "v4"}}, {"head": {"activation": "relu"}}, {"inverted_residual_setting": ((6, 24, 2),)}],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(NetError):
        create_net("mobilenetv2", num_classes=2, **options)
