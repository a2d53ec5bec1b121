import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

from common.errors import NetError
from netzoo.dropout import Dropout, dropout_layers, seed_dropout

ONES = ms.Tensor(np.ones((256, 1280), np.float32))


def masks(layer: Dropout, count: int) -> list[np.ndarray]:
    layer.set_train(True)
    return [layer(ONES).asnumpy() for _ in range(count)]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_and_mean_are_those_of_dropout(p: float) -> None:
    (mask,) = masks(Dropout(p), 1)

    # 327,680 Bernoulli trials: five standard deviations
    assert (mask == 0).mean() == pytest.approx(p, abs=5 * (p * (1 - p) / mask.size) ** 0.5)
    assert set(np.unique(mask)) == {0.0, np.float32(1) / np.float32(1 - p)}


def test_masks_are_unrelated_over_draws_rows_columns_and_layers() -> None:
    net = nn.SequentialCell(Dropout(0.5), Dropout(0.5))
    seed_dropout(net, 7)
    (first, second), (other,) = masks(net[0], 2), masks(net[1], 1)

    pairs = [(first, second), (first, other), (first[1:], first[:-1]), (first[:, 1:], first[:, :-1])]

    for a, b in pairs:
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.01


def test_every_place_is_dropped_as_often_as_any_other() -> None:
    layer = Dropout(0.5)
    layer.set_train(True)
    ones = ms.Tensor(np.ones((8, 64), np.float32))

    dropped = np.mean([layer(ones).asnumpy() == 0 for _ in range(1000)], axis=0)

    # 512 places of 1,000 draws each: their squared z-scores add up to chi-squared with 512 degrees of freedom
    chi_squared = ((dropped - 0.5) ** 2 / (0.25 / 1000)).sum()
    assert chi_squared == pytest.approx(512, abs=5 * (2 * 512) ** 0.5)


def test_no_two_columns_are_dropped_together() -> None:
    (mask,) = masks(Dropout(0.5), 1)

    correlations = np.corrcoef(mask[:, :200], rowvar=False)[np.triu_indices(200, 1)]

    # 19,900 pairs of 256 rows each: a correlation of independent columns has a deviation of 1 / sqrt(256)
    assert abs(correlations).max() < 6 / 16
    assert correlations.std() == pytest.approx(1 / 16, rel=0.05)


def test_a_number_of_draws_gives_its_mask_again() -> None:
    layer = Dropout(0.3)
    _, second = masks(layer, 2)

    ops.assign(layer.draws, ms.Tensor(1, ms.int32))

    assert np.array_equal(masks(layer, 1)[0], second)


def test_inference_changes_nothing_and_draws_nothing() -> None:
    layer = Dropout(0.5)
    layer.set_train(False)

    assert np.array_equal(layer(ONES).asnumpy(), ONES.asnumpy())
    assert int(layer.draws.asnumpy()) == 0


def test_the_counter_is_no_parameter_of_the_network() -> None:
    net = nn.SequentialCell(nn.Dense(4, 4), Dropout(0.5))

    assert [p.name for p in net.get_parameters()] == ["0.weight", "0.bias"]
    assert len(dropout_layers(net)) == 1


def test_a_share_of_one_is_refused() -> None:
    with pytest.raises(NetError, match="not 1"):
        Dropout(1.0)
