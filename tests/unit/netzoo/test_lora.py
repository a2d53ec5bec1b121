import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor, nn

from common.errors import NetError, WeightsError
from netzoo import create_net
from netzoo.adapter_file import attach_adapter, save_adapter
from netzoo.count import count_parameters
from netzoo.lora import ADAPTERS, adapter_state, add_lora, load_adapter, lora_parameters, merge_lora
from netzoo.options import POINTWISE
from netzoo.weights.loading import load_weights

# Every 1x1 convolution of the small network, and its classifier.
EVERYWHERE = r"features\.([23]\.conv\.(0\.features\.0|2)|1\.conv\.1|4\.features\.0)|dense"
BACKBONE = EVERYWHERE.removesuffix("|dense")


def values_of(net: nn.Cell) -> dict[str, np.ndarray]:
    return {parameter.name: parameter.asnumpy().copy() for parameter in net.get_parameters()}


def train(net: nn.Cell, pictures: Tensor, labels: Tensor, steps: int = 5) -> list[float]:
    optimizer = nn.Momentum(net.trainable_params(), 0.05, 0.9)
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.CrossEntropyLoss()), optimizer).set_train(True)
    losses = [float(step(pictures, labels).asnumpy()) for _ in range(steps)]
    net.set_train(False)
    return losses


def test_training_lowers_the_loss_and_moves_nothing_but_adapters(
    small_mobilenet: Callable[..., nn.Cell], pictures: Tensor, labels: Tensor
) -> None:
    net = small_mobilenet()
    add_lora(net, EVERYWHERE, rank=4, dropout=0.1)
    before = values_of(net)
    losses = train(net, pictures, labels)
    assert losses[-1] < losses[0]
    moved = {name for name, value in values_of(net).items() if (value != before[name]).any()}
    assert moved == {parameter.name for parameter in lora_parameters(net)}


def test_the_layers_of_the_head_without_adapter_train_unless_told_not_to(
    small_mobilenet: Callable[..., nn.Cell],
) -> None:
    with_head, without_head = small_mobilenet(), small_mobilenet()
    add_lora(with_head, BACKBONE)
    add_lora(without_head, BACKBONE, train_head=False)
    trained = {parameter.name for parameter in with_head.trainable_params()}
    assert trained - {parameter.name for parameter in without_head.trainable_params()} == {"dense.weight", "dense.bias"}


def test_adapters_merge_once(small_mobilenet: Callable[..., nn.Cell]) -> None:
    net = small_mobilenet()
    add_lora(net, EVERYWHERE, rank=4)

    assert merge_lora(net) == 7
    with pytest.raises(NetError, match="no LoRA adapters"):
        merge_lora(net)


def test_a_file_brings_adapters_head_and_statistics_back_onto_the_base(
    small_mobilenet: Callable[..., nn.Cell], pictures: Tensor, labels: Tensor, tmp_path: Path
) -> None:
    net = small_mobilenet(head={"kind": "v3", "hidden_channels": 16})
    base = values_of(net)
    add_lora(net, BACKBONE, rank=2, alpha=4)
    train(net, pictures, labels)  # the v3 head's BatchNorm moves its statistics
    save_adapter(net, tmp_path / "adapter.safetensors")

    other = small_mobilenet(seed=5, head={"kind": "v3", "hidden_channels": 16})
    load_weights(other, base)
    other.head.set_classifier(np.zeros((5, 16)), np.zeros(5))  # the base's head need not be the trained one
    attach_adapter(other, tmp_path / "adapter.safetensors")
    assert (values_of(other)["head.norm.moving_mean"] != base["head.norm.moving_mean"]).any()
    np.testing.assert_array_equal(other(pictures).asnumpy(), net(pictures).asnumpy())


def test_an_adapter_file_may_be_read_by_whom_other_files_may(
    small_mobilenet: Callable[..., nn.Cell], tmp_path: Path
) -> None:
    net = small_mobilenet()
    add_lora(net, "dense")
    (tmp_path / "other").touch()

    save_adapter(net, tmp_path / "adapter.safetensors")

    modes = {path.name: oct(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes["adapter.safetensors"] == modes["other"]


def test_a_file_on_another_base_is_refused(small_mobilenet: Callable[..., nn.Cell], tmp_path: Path) -> None:
    net = small_mobilenet(seed=0)
    add_lora(net, "dense")
    save_adapter(net, tmp_path / "adapter.safetensors")
    with pytest.raises(WeightsError, match="other base weights"):
        attach_adapter(small_mobilenet(seed=1), tmp_path / "adapter.safetensors")


@pytest.mark.parametrize("content", [b"", b"not safetensors"])
def test_damaged_adapter_files_are_refused_by_name(
    small_mobilenet: Callable[..., nn.Cell], tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "adapter.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=re.escape(str(path))):
        attach_adapter(small_mobilenet(), path)


def test_an_incomplete_adapter_state_is_refused(small_mobilenet: Callable[..., nn.Cell]) -> None:
    net = small_mobilenet()
    add_lora(net, BACKBONE)
    state = adapter_state(net)
    assert {"dense.weight", "features.1.conv.1.lora_a", "features.0.features.1.moving_mean"} <= state.keys()
    assert "features.1.conv.1.weight" not in state
    del state["features.1.conv.1.lora_b"]
    with pytest.raises(WeightsError, match=r"1 \(features.1.conv.1.lora_b\) missing|not declared: 1"):
        load_adapter(net, state)


def test_plain_weights_load_before_and_after_injection(
    small_mobilenet: Callable[..., nn.Cell], pictures: Tensor
) -> None:
    plain = small_mobilenet(seed=7)
    net = small_mobilenet(seed=8)
    add_lora(net, EVERYWHERE)
    load_weights(net, values_of(plain), allow=[ADAPTERS])
    np.testing.assert_array_equal(net(pictures).asnumpy(), plain(pictures).asnumpy())


def test_pointwise_matches_all_34_1x1_convolutions_at_under_7_percent_of_the_backbone() -> None:
    net = create_net("mobilenetv2", num_classes=26)
    backbone = sum(part.total for part in count_parameters(net).parts if part.name != "dense")
    report = add_lora(net, POINTWISE, rank=4)
    assert len(report.layers) == 34
    assert report.adapter_parameters < 0.07 * backbone


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (r"features\..*\.conv\..*", "3x3 depthwise convolution rank 1 has 160 parameters, the layer itself 144"),
        (r"features\.0\.features\.0", "3x3 convolution rank 1 has 43 parameters"),
        ("classifier", "match no Dense or convolution layer"),
        (r"features\.1\.conv\.2", "match no Dense or convolution layer"),  # a BatchNorm
    ],
)
def test_layers_that_an_adapter_does_not_suit_are_refused(
    small_mobilenet: Callable[..., nn.Cell], targets: str, message: str
) -> None:
    net = small_mobilenet()
    with pytest.raises(NetError, match=message):
        add_lora(net, targets)
    assert not lora_parameters(net)
