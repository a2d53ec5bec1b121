from pathlib import Path
from typing import Any

import mindspore as ms
import pytest

from common.errors import NetError
from netzoo import create_net, list_nets
from netzoo.lenet5 import LeNet5Original
from netzoo.options import LeNet5ModernOptions


def test_the_networks_are_listed_in_order() -> None:
    names = list_nets()

    assert {"lenet5_improved", "lenet5_modern", "lenet5_original", "mobilenetv2"} <= set(names)
    assert names == sorted(names)


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(NetError, match="did you mean 'mobilenetv2'"):
        create_net("mobilenet_v2", num_classes=2)


def test_an_option_that_the_network_does_not_take_is_refused() -> None:
    with pytest.raises(NetError, match="no option pooling"):
        create_net("lenet5_original", num_classes=2, pooling="max")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widht_mult": 0.5}, "no option widht_mult; did you mean 'width_mult'"),
        ({"width_mult": 0}, "mobilenetv2: width_mult should be greater than 0, not 0"),
        ({"head": {"kind": "v4"}}, "mobilenetv2: head.kind should be 'dense' or 'v3', not 'v4'"),
        ({"head": {"kin": "v3"}}, "no option head.kin;"),
    ],
)
def test_values_that_a_section_does_not_take_are_refused_by_their_key(options: dict[str, Any], message: str) -> None:
    with pytest.raises(NetError, match=message):
        create_net("mobilenetv2", num_classes=2, **options)


def test_a_network_without_classes_is_refused() -> None:
    with pytest.raises(NetError, match="at least 1, not 0"):
        create_net("lenet5_modern", num_classes=0)


def test_a_module_of_networks_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETZOO_NETWORKS", "no_such_module")

    with pytest.raises(NetError, match=r"NETZOO_NETWORKS names no_such_module, which cannot be imported.*PYTHONPATH"):
        list_nets()


@pytest.mark.parametrize("builder", ["no_such_module:Net", "netzoo.lenet5:LeNet6"])
def test_a_builder_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, builder: str) -> None:
    monkeypatch.setattr(LeNet5ModernOptions, "builder", builder)

    with pytest.raises(NetError, match=f"lenet5_modern: its builder {builder} is not there"):
        create_net("lenet5_modern", num_classes=2)


def test_mixed_precision_leaves_the_registry_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # MindSpore writes the rewritten source into the current folder
    ms.amp.auto_mixed_precision(create_net("lenet5_original", num_classes=2), "O1")
    assert type(create_net("lenet5_original", num_classes=2)) is LeNet5Original
