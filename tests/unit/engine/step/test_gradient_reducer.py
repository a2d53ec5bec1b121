"""Averaging in pieces changes neither values nor shapes; the all-reduce of other ranks is played by a factor."""

from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mindspore import Parameter, Tensor, nn

from engine.step.gradient_reducer import FlatGradReducer, _pieces


@given(
    st.lists(st.integers(1, 2**20), min_size=1, max_size=30), st.none() | st.floats(0.01, 8, allow_nan=False)
)  # fmt: skip
def test_pieces_cover_all_gradients_in_order_and_stay_below_the_limit(sizes: list[int], mib: float | None) -> None:
    pieces = _pieces(sizes, mib)

    assert [index for first, end in pieces for index in range(first, end)] == list(range(len(sizes)))
    if mib is None:
        assert len(pieces) == 1
    else:
        assert all(end - first == 1 or sum(sizes[first:end]) * 4 <= mib * 2**20 for first, end in pieces)


class ThreeRanksAlike(nn.Cell):
    """The sum over three ranks that hold the same."""

    def construct(self, x: Tensor) -> Tensor:
        return x * 3


@pytest.mark.parametrize("mib", [None, 0.00002, 0.0001])
def test_the_mean_over_equal_ranks_is_each_ranks_gradient(mib: float | None) -> None:
    shapes = [(2, 3), (4,), (1, 1, 5), (7,)]
    values = [np.random.default_rng(i).normal(size=shape).astype(np.float32) for i, shape in enumerate(shapes)]
    weights = [Parameter(Tensor(np.zeros(shape, np.float32)), name=f"w{i}") for i, shape in enumerate(shapes)]
    ms.set_context(mode=ms.GRAPH_MODE)
    reducer = FlatGradReducer(weights, 3, mib)
    reducer.all_reduce = ThreeRanksAlike()

    found = reducer(tuple(Tensor(value) for value in values))

    for mean, value in zip(found, values, strict=True):
        np.testing.assert_allclose(mean.asnumpy(), value, rtol=1e-6)
