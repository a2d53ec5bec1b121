import mindspore as ms
import pytest

from common.errors import NetError
from netzoo import create_net, list_nets
from netzoo.lenet5 import LeNet5Original


def test_the_four_networks_are_listed():
    assert list_nets() == ["lenet5_improved", "lenet5_modern", "lenet5_original", "mobilenetv2"]


def test_an_unknown_name_is_answered_with_the_nearest_one():
    with pytest.raises(NetError, match="did you mean 'mobilenetv2'"):
        create_net("mobilenet_v2", num_classes=2)


def test_an_option_that_the_network_does_not_take_is_refused():
    with pytest.raises(NetError, match="no option pooling"):
        create_net("lenet5_original", num_classes=2, pooling="max")


def test_mixed_precision_leaves_the_registry_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MindSpore writes the rewritten source into the current folder
    ms.amp.auto_mixed_precision(create_net("lenet5_original", num_classes=2), "O1")
    assert type(create_net("lenet5_original", num_classes=2)) is LeNet5Original
