import pytest

from netzoo import create_net, list_nets
from netzoo.errors import NetError


def test_the_four_networks_are_listed():
    assert list_nets() == ["lenet5_improved", "lenet5_modern", "lenet5_original", "mobilenetv2"]


def test_an_unknown_name_is_answered_with_the_nearest_one():
    with pytest.raises(NetError, match="did you mean 'mobilenetv2'"):
        create_net("mobilenet_v2", num_classes=2)


def test_an_option_that_the_network_does_not_take_is_refused():
    with pytest.raises(NetError, match="no option pooling"):
        create_net("lenet5_original", num_classes=2, pooling="max")
