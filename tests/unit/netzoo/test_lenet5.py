from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from common.errors import NetError
from netzoo import create_net
from netzoo.count import count_parameters
from netzoo.lenet5 import C3_TABLE


def part_sizes(net: nn.Cell) -> dict[str, int]:
    return {part.name: part.trainable for part in count_parameters(net).parts}


def test_original_has_the_published_number_of_parameters_in_each_layer() -> None:
    sizes = part_sizes(create_net("lenet5_original", num_classes=10))
    assert sizes == {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164, "dense": 850}


def test_c3_reads_as_many_maps_as_the_papers_table_says() -> None:
    assert [len(sources) for sources in C3_TABLE] == [3] * 6 + [4] * 9 + [6]
    reads_of_each_map = np.bincount(np.concatenate([np.array(sources) for sources in C3_TABLE]))
    assert reads_of_each_map.tolist() == [10] * 6  # each row of the published table has ten crosses


def test_partial_convolution_equals_one_convolution_per_output_map() -> None:
    ms.set_seed(0)
    layer = create_net("lenet5_original", num_classes=10).c3
    maps = np.random.default_rng(0).normal(size=(2, 6, 14, 14)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(maps, (5, 5), axis=(2, 3))  # type: ignore[call-overload]
    kernels = np.split(layer.weight.asnumpy(), np.cumsum([len(sources) for sources in C3_TABLE])[:-1])
    expected = np.stack(
        [
            np.einsum("bshwij,sij->bhw", windows[:, list(sources)], kernel.reshape(-1, 5, 5))
            for sources, kernel in zip(C3_TABLE, kernels, strict=True)
        ],
        axis=1,
    )
    np.testing.assert_allclose(layer(ms.Tensor(maps)).asnumpy(), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["lenet5_original", "lenet5_modern", "lenet5_improved"])
def test_a_28_pixel_picture_is_the_32_pixel_one_with_a_border_of_zeros(name: str) -> None:
    net = create_net(name, num_classes=10).set_train(False)
    small = np.random.default_rng(0).normal(size=(3, 1, 28, 28)).astype(np.float32)
    large = np.pad(small, ((0, 0), (0, 0), (2, 2), (2, 2)))
    logits = net(ms.Tensor(small)).asnumpy()
    np.testing.assert_allclose(logits, net(ms.Tensor(large)).asnumpy(), atol=1e-5)


def test_average_pooling_is_an_option_and_nonsense_is_not() -> None:
    assert isinstance(create_net("lenet5_modern", num_classes=2, pooling="average").relu_pool[1], nn.AvgPool2d)
    with pytest.raises(NetError, match="pooling should be 'max' or 'average', not 'median'"):
        create_net("lenet5_modern", num_classes=2, pooling="median")


def test_original_computes_in_half_precision_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # MindSpore writes the rewritten source into the current folder
    ms.set_seed(0)
    net = create_net("lenet5_original", num_classes=10).set_train(False)
    pictures = ms.Tensor(np.random.default_rng(0).normal(size=(2, 1, 32, 32)).astype(np.float32))
    expected = net(pictures).asnumpy()
    mixed = ms.amp.auto_mixed_precision(net, "O2").set_train(False)
    np.testing.assert_allclose(mixed(pictures).asnumpy(), expected, atol=0.02)
