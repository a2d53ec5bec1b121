from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mindspore import Tensor, nn

from common.errors import NetError
from netzoo import create_net
from netzoo.batch_norms import live_batch_norms
from netzoo.blocks import block_count, block_index
from netzoo.freeze import freeze, unfreeze
from netzoo.lora import add_lora


def trained_blocks(net: nn.Cell) -> set[int | None]:
    return {block_index(parameter.name) for parameter in net.trainable_params()}


@pytest.mark.parametrize(
    ("layer", "blocks"),
    [
        ("none", {0, 1, 2, 3, 4, None}),
        ("backbone", {None}),
        ("last_n_blocks:0", {4, None}),
        ("last_n_blocks:2", {2, 3, 4, None}),
        ("last_n_blocks:3", {1, 2, 3, 4, None}),
    ],
)
def test_what_trains_is_what_was_asked(
    small_mobilenet: Callable[..., nn.Cell], layer: str, blocks: set[int | None]
) -> None:
    net = small_mobilenet()
    report = freeze(net, layer)
    assert trained_blocks(net) == blocks
    assert report.trainable == sum(parameter.size for parameter in net.trainable_params())


def test_the_whole_network_has_17_blocks_between_two_convolutions() -> None:
    net = create_net("mobilenetv2", num_classes=2, width_mult=0.35)
    assert block_count(net) == 19
    freeze(net, "last_n_blocks:3")
    assert trained_blocks(net) == {15, 16, 17, 18, None}


def test_patterns_freeze_by_name(small_mobilenet: Callable[..., nn.Cell]) -> None:
    net = small_mobilenet()
    freeze(net, patterns=[r"features\.[01]\..*", r".*\.(gamma|beta)"])
    names = [parameter.name for parameter in net.trainable_params()]
    assert not any(name.startswith(("features.0.", "features.1.")) or name.endswith("gamma") for name in names)
    assert "features.2.conv.2.weight" in names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patterns": ["features.0"]}, "matches no parameter"),
        ({"patterns": [r".*\.moving_mean"]}, "matches no parameter"),
        ({"layer": "last_n_blocks:4"}, "3 inverted residual blocks"),
        ({"layer": "last_n_blocks"}, "none, backbone or last_n_blocks:n"),
        ({"layer": "head"}, "none, backbone or last_n_blocks:n"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused(
    small_mobilenet: Callable[..., nn.Cell], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(NetError, match=message):
        freeze(small_mobilenet(), **arguments)


def statistics(net: nn.Cell) -> dict[str, np.ndarray]:
    return {p.name: p.asnumpy().copy() for p in net.get_parameters() if ".moving_" in p.name}


def test_training_leaves_frozen_statistics_alone_and_moves_the_others(
    small_mobilenet: Callable[..., nn.Cell], pictures: Tensor, labels: Tensor
) -> None:
    net = small_mobilenet()
    freeze(net, "last_n_blocks:0")
    before = statistics(net)
    optimizer = nn.Momentum(net.trainable_params(), 0.01, 0.9)
    nn.TrainOneStepCell(nn.WithLossCell(net, nn.CrossEntropyLoss()), optimizer).set_train(True)(pictures, labels)
    moved = {block_index(name) for name, value in statistics(net).items() if (value != before[name]).any()}
    assert moved == {4}


def test_frozen_statistics_stay_where_scale_and_shift_train(
    small_mobilenet: Callable[..., nn.Cell], pictures: Tensor, labels: Tensor
) -> None:
    net = small_mobilenet()
    report = freeze(net, statistics=True)
    before = {p.name: p.asnumpy().copy() for p in net.get_parameters()}
    optimizer = nn.Momentum(net.trainable_params(), 0.01, 0.9)
    nn.TrainOneStepCell(nn.WithLossCell(net, nn.CrossEntropyLoss()), optimizer).set_train(True)(pictures, labels)
    moved = {p.name for p in net.get_parameters() if (p.asnumpy() != before[p.name]).any()}
    assert moved == {p.name for p in net.trainable_params()}
    assert (report.frozen, report.frozen_batch_norms) == (0, len(statistics(net)) // 2)


def test_adapters_leave_frozen_statistics_frozen(small_mobilenet: Callable[..., nn.Cell]) -> None:
    net = small_mobilenet()
    freeze(net, statistics=True)
    add_lora(net, "dense")
    assert not live_batch_norms(net)


def test_freezing_takes_effect_on_a_network_that_was_compiled_before(
    small_mobilenet: Callable[..., nn.Cell], pictures: Tensor
) -> None:
    net = small_mobilenet(head={"dropout": 0.0})
    evaluated = net(pictures).asnumpy()
    net.set_train(True)(pictures)
    net.set_train(False)
    evaluated_after_moving = net(pictures).asnumpy()
    assert not np.allclose(evaluated, evaluated_after_moving)

    freeze(net, "backbone")
    np.testing.assert_allclose(net.set_train(True)(pictures).asnumpy(), evaluated_after_moving, atol=1e-5)


def test_unfreeze_undoes_it(small_mobilenet: Callable[..., nn.Cell]) -> None:
    net = small_mobilenet()
    before = [parameter.name for parameter in net.trainable_params()]
    freeze(net, "backbone", statistics=True)
    report = unfreeze(net)
    assert [parameter.name for parameter in net.trainable_params()] == before
    assert (report.frozen, report.frozen_batch_norms) == (0, 0)


@pytest.mark.parametrize(
    ("name", "index"), [("features.18.features.0.weight", 18), ("dense.weight", None), ("c1.weight", None)]
)
def test_block_index_reads_the_name(name: str, index: int | None) -> None:
    assert block_index(name) == index
