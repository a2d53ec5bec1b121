from collections.abc import Callable

import numpy as np
import pytest
from mindspore import Tensor, nn

from common.errors import NetError
from netzoo.freeze import freeze
from netzoo.split import split_frozen


@pytest.mark.parametrize(("layer", "shape"), [("last_n_blocks:1", (8, 8, 8, 8)), ("backbone", (8, 64))])
def test_both_parts_in_a_row_are_the_network(
    small_mobilenet: Callable[..., nn.Cell], pictures: Tensor, layer: str, shape: tuple[int, ...]
) -> None:
    net = small_mobilenet()
    freeze(net, layer)

    front, rest = split_frozen(net)
    features = front.set_train(False)(pictures)

    assert features.shape == shape
    np.testing.assert_array_equal(rest.set_train(False)(features).asnumpy(), net(pictures).asnumpy())


def test_what_trains_is_in_the_rest_under_its_own_name(small_mobilenet: Callable[..., nn.Cell]) -> None:
    net = small_mobilenet()
    names = [p.name for p in net.get_parameters()]
    freeze(net, "last_n_blocks:1")

    front, rest = split_frozen(net)

    assert front.trainable_params() == []
    assert [p.name for p in rest.trainable_params()] == [p.name for p in net.trainable_params()]
    assert [p.name for p in net.get_parameters()] == names


def test_a_network_without_a_frozen_front_cannot_be_split(small_mobilenet: Callable[..., nn.Cell]) -> None:
    with pytest.raises(NetError, match="nothing to cache"):
        split_frozen(small_mobilenet())
