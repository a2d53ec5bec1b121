"""Zeros around maps, against NumPy's."""

from collections.abc import Callable
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindspore import nn, ops

from kernels.cells import ZeroPad2d, suits_padding


@given(
    shape=st.tuples(*[st.integers(1, 3)] * 2, *[st.integers(1, 9)] * 2),
    rows=st.integers(0, 3),
    columns=st.integers(0, 3),
)
@settings(max_examples=50)
def test_values(run: Callable[..., list[np.ndarray]], shape: tuple[int, ...], rows: int, columns: int) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
    (y,) = run("ZeroPaddingForward", [x], [expected.shape])
    np.testing.assert_array_equal(y, expected)


@pytest.mark.usefixtures("graph_mode")
def test_its_gradient_is_that_of_mindspore_s_layer(compiled: Path) -> None:
    rng = np.random.default_rng(0)
    x, weight = (ms.Tensor(rng.normal(size=size).astype(np.float32)) for size in ((2, 3, 4, 5), (2, 3, 6, 9)))
    own = nn.Pad(((0, 0), (0, 0), (1, 1), (2, 2)))
    ours = ZeroPad2d(own, compiled)

    class Total(nn.Cell):
        def __init__(self, layer: nn.Cell) -> None:
            super().__init__()
            self.layer = layer

        def construct(self, x: ms.Tensor) -> ms.Tensor:
            return (self.layer(x) * weight).sum()

    expected, gradient = (ops.grad(Total(layer))(x) for layer in (own, ours))
    np.testing.assert_array_equal(gradient.asnumpy(), expected.asnumpy())


@pytest.mark.parametrize(
    "layer",
    [
        nn.Pad(((0, 0), (0, 0), (1, 2), (1, 1))),
        nn.Pad(((1, 1), (0, 0), (1, 1), (1, 1))),
        nn.Pad(((1, 1), (1, 1))),
        nn.Pad(((0, 0), (0, 0), (1, 1), (1, 1)), mode="REFLECT"),
    ],
)
def test_others_are_left_alone(layer: nn.Pad) -> None:
    assert not suits_padding(layer)
