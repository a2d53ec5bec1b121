"""A network whose layers were exchanged is the same network."""

from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

import kernels.swap
from kernels.build import KernelsUnavailable
from kernels.cells import AvgPool2d, BatchNorm2d, DepthwiseConv2d, MaxPool2d, PointwiseConv2d
from kernels.swap import apply_kernels
from netzoo import create_net
from netzoo.freeze import freeze
from netzoo.lora import add_lora, merge_lora

pytestmark = pytest.mark.usefixtures("kernels_in_graphs")

CLOSE: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-5}


def small_mobilenet(**options: object) -> nn.Cell:
    ms.set_seed(0)
    settings = {"width_mult": 0.35, "inverted_residual_setting": ((1, 16, 1, 1), (6, 24, 2, 2)), "last_channel": 64}
    network = create_net("mobilenetv2", num_classes=5, **{**settings, **options})
    rng = np.random.default_rng(0)
    for parameter in network.get_parameters():
        if "moving_mean" in parameter.name:
            parameter.set_data(ms.Tensor(rng.normal(size=parameter.shape, scale=0.1).astype(np.float32)))
        if "moving_variance" in parameter.name:
            parameter.set_data(ms.Tensor(rng.uniform(0.5, 2, size=parameter.shape).astype(np.float32)))
    return network


def pictures(size: tuple[int, ...] = (33, 31), channels: int = 3) -> ms.Tensor:
    return ms.Tensor(np.random.default_rng(1).normal(size=(4, channels, *size)).astype(np.float32))


def kinds(network: nn.Cell) -> list[type]:
    return [type(cell) for _, cell in network.cells_and_names()]


def values(network: nn.Cell) -> dict[str, np.ndarray]:
    return {parameter.name: parameter.asnumpy().copy() for parameter in network.get_parameters()}


def assert_close(values: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Compare arrays by name, each at the scale of its largest value."""
    assert values.keys() == expected.keys()
    for name, value in values.items():
        scale = max(np.abs(expected[name]).max(), 1e-3)
        np.testing.assert_allclose(value / scale, expected[name] / scale, atol=2e-4, err_msg=name)


def outputs_and_gradients(network: nn.Cell, x: ms.Tensor) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Output, and gradients of its sum with fixed weights, by input and parameter name."""
    weights = ms.ParameterTuple(network.trainable_params())

    class Total(nn.Cell):
        def __init__(self) -> None:
            super().__init__(auto_prefix=False)
            self.network = network

        def construct(self, x: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
            y = self.network(x)
            return (ops.sin(ops.arange(0, y.size).reshape(y.shape).astype(ms.float32)) * y).sum(), y

    total = Total().set_train(network.training)
    (_, y), (dx, gradients) = ops.value_and_grad(total, 0, weights=weights, has_aux=True)(x)
    named = {weight.name: gradient.asnumpy() for weight, gradient in zip(weights, gradients, strict=True)}
    return y.asnumpy(), {"input": dx.asnumpy(), **named}


def test_mobilenetv2_exchanges_every_convolution_but_the_first_and_every_batch_norm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels.swap, "register_bytes", lambda library: 64)
    network = small_mobilenet()
    report = apply_kernels(network)
    assert (report.depthwise, report.pointwise, report.batch_norms) == (3, 6, 10)
    assert (report.with_relu6, report.poolings, report.blocks) == (7, 0, 2)
    assert nn.ReLU6 not in kinds(network)
    assert nn.BatchNorm2d not in kinds(network)
    assert str(report) == (
        "CPU kernels run 3 depthwise convolutions (2 with BatchNorm and ReLU6 on both sides), 6 convolutions 1x1, "
        "10 BatchNorm layers (7 with their ReLU6)"
    )


def test_without_avx_512_convolutions_1x1_stay_and_no_layers_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels.swap, "register_bytes", lambda library: 32)
    network = small_mobilenet()
    report = apply_kernels(network)
    assert (report.depthwise, report.pointwise, report.pointwise_left, report.blocks) == (3, 0, 6, 0)
    assert PointwiseConv2d not in kinds(network)
    assert str(report).endswith("; 6 convolutions 1x1 stay MindSpore's: the kernel gains with AVX-512 only")


def test_parameters_stay_the_same_objects_in_the_same_order() -> None:
    network = small_mobilenet()
    before = list(network.get_parameters())
    names = [parameter.name for parameter in before]
    apply_kernels(network)
    assert [id(parameter) for parameter in network.get_parameters()] == [id(parameter) for parameter in before]
    assert [parameter.name for parameter in before] == names


def test_random_numbers_drawn_afterwards_stay_the_same() -> None:
    ms.set_seed(0)
    network = create_net("lenet5_improved", num_classes=3)
    np.random.seed(5)
    expected = np.random.get_state(legacy=False)["state"]["key"].copy()
    apply_kernels(network)
    np.testing.assert_array_equal(np.random.get_state(legacy=False)["state"]["key"], expected)


@pytest.mark.parametrize(
    "frozen",
    [(), (r".*gamma",), (r"features\..*",), (r"features\.\d+\.conv\.0\..*(gamma|beta)",)],
    ids=["live", "scales", "backbone", "the_first_norm_of_each_block"],
)
def test_training_computes_what_mindspore_s_operators_compute(frozen: tuple[str, ...]) -> None:
    own, ours = small_mobilenet(), small_mobilenet()
    for network in (own, ours):
        freeze(network, "none", frozen)
        network.set_train()
    apply_kernels(ours)
    y, gradients = outputs_and_gradients(own, pictures())
    our_y, our_gradients = outputs_and_gradients(ours, pictures())
    np.testing.assert_allclose(our_y, y, **CLOSE)
    assert_close(our_gradients, gradients)
    assert_close(values(ours), values(own))  # running statistics too


def test_evaluation_normalises_by_running_statistics_and_keeps_them() -> None:
    own, ours = small_mobilenet().set_train(False), small_mobilenet().set_train(False)
    apply_kernels(ours)
    before = values(ours)
    np.testing.assert_allclose(ours(pictures()).asnumpy(), own(pictures()).asnumpy(), **CLOSE)
    for name, value in values(ours).items():
        np.testing.assert_array_equal(value, before[name])


def test_evaluation_between_training_steps_sees_the_new_statistics() -> None:
    network = small_mobilenet()
    apply_kernels(network)
    first = network.set_train(False)(pictures()).asnumpy()
    network.set_train()(pictures())
    assert not np.allclose(network.set_train(False)(pictures()).asnumpy(), first)


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_lenet5_s_convolutions_and_pooling(pooling: str) -> None:
    networks = []
    for _ in range(2):
        ms.set_seed(0)
        networks.append(create_net("lenet5_modern", num_classes=3, pooling=pooling).set_train())
    own, ours = networks
    report = apply_kernels(ours)
    assert str(report) == "CPU kernels run 2 convolutions 5x5, 1 poolings (1 with their ReLU), 1 paddings"
    assert {MaxPool2d, AvgPool2d} & set(kinds(ours))
    y, gradients = outputs_and_gradients(own, pictures((28, 28), channels=1))
    our_y, our_gradients = outputs_and_gradients(ours, pictures((28, 28), channels=1))
    np.testing.assert_allclose(our_y, y, **CLOSE)
    assert_close(our_gradients, gradients)


def test_adapters_may_come_before_or_after() -> None:
    targets = r"features\.\d+\.conv\.\d+|dense"
    results = []
    for order in ("before", "after"):
        network = small_mobilenet()
        if order == "after":
            apply_kernels(network)
        add_lora(network, targets, rank=2)
        if order == "before":
            apply_kernels(network)
        results.append(network.set_train(False)(pictures()).asnumpy())
        assert {DepthwiseConv2d, BatchNorm2d} <= set(kinds(network))
        merge_lora(network)
        results.append(network(pictures()).asnumpy())
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], **CLOSE)


def test_other_layers_stay() -> None:
    layers = nn.SequentialCell(
        nn.Conv2d(4, 4, 3, group=2),
        nn.Conv2d(4, 4, 5, group=4, pad_mode="pad", padding=2),
        nn.Conv2d(4, 4, 3, group=4, pad_mode="same"),
        nn.Conv2d(4, 4, 3, group=4, pad_mode="pad", padding=(0, 1, 0, 1)),
        nn.Conv2d(4, 4, 3, group=4, pad_mode="valid", has_bias=True),
        nn.Conv2d(4, 4, 5, pad_mode="pad", padding=2),
        nn.Conv2d(4, 4, 5, 2, pad_mode="valid"),
        nn.Conv2d(4, 17, 5, pad_mode="valid"),
        nn.Conv2d(4, 4, 1, group=2),
        nn.Conv2d(4, 4, 1, 2),
        nn.Conv2d(4, 4, 1, has_bias=True),
        nn.Conv2d(4, 4, 1, pad_mode="pad", padding=1),
        nn.MaxPool2d(3, 2),
        nn.ReLU6(),
    )
    before = kinds(layers)
    assert str(apply_kernels(layers)) == "CPU kernels: no layer of these is one that they compute"
    assert kinds(layers) == before


def test_without_kernels_the_network_stays_and_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise KernelsUnavailable("no C++ compiler")

    monkeypatch.setattr(kernels.swap, "library", fail)
    network = small_mobilenet()
    before = kinds(network)
    assert str(apply_kernels(network)) == "CPU kernels: no C++ compiler; MindSpore's own operators run"
    assert kinds(network) == before


def test_maps_that_are_too_small_are_told() -> None:
    layers = nn.SequentialCell(nn.Conv2d(2, 2, 3, group=2, pad_mode="valid"), nn.MaxPool2d(2, 2))
    apply_kernels(layers)
    with pytest.raises(ValueError, match=r"maps \(N, C, H, W\) of at least 3x3, not \(1, 2, 2, 5\)"):
        layers(ms.Tensor(np.zeros((1, 2, 2, 5), np.float32)))
