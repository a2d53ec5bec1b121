"""Convolution 1x1, against its definition in float64."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

Run = Callable[..., list[np.ndarray]]

# Batch, channels, height, width: below, at and beyond the sizes of tiles, for every width of registers.
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 12), st.integers(1, 12))


def check(run: Run, shape: tuple[int, ...], outputs: int) -> None:
    rng = np.random.default_rng(0)
    batch, channels, height, width = shape
    x, dy = rng.normal(size=shape), rng.normal(size=(batch, outputs, height, width))
    weight = rng.normal(size=(outputs, channels, 1, 1))

    (y,) = run("PointwiseForward", [x, weight], [dy.shape])
    (dx,) = run("PointwiseInputGradient", [dy, weight, x], [shape])
    (dweight,) = run("PointwiseWeightGradient", [dy, x, weight], [weight.shape])

    matrix = weight[:, :, 0, 0]
    for value, expected, summed in (
        (y, np.einsum("nchw,oc->nohw", x, matrix), channels),
        (dx, np.einsum("nohw,oc->nchw", dy, matrix), outputs),
        (dweight[:, :, 0, 0], np.einsum("nohw,nchw->oc", dy, x), dy[:, 0].size),
    ):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5 * summed**0.5)


@given(shape=SHAPES, outputs=st.integers(1, 40))
@settings(max_examples=100)
def test_maps_of_any_size(run: Run, shape: tuple[int, ...], outputs: int) -> None:
    check(run, shape, outputs)


@pytest.mark.parametrize(
    ("shape", "outputs"),
    [
        ((2, 32, 112, 112), 16),  # columns for several parts of the weight's gradient
        ((3, 24, 56, 56), 144),  # more channels than a block of it
        ((16, 160, 7, 7), 960),  # planes of one float more than registers
        ((2, 192, 28, 28), 32),
        ((1, 96, 64, 64), 24),  # a plane of a power of two
        ((1, 1280, 1, 1), 7),
    ],
)
def test_maps_of_a_network_s_sizes(run: Run, shape: tuple[int, ...], outputs: int) -> None:
    check(run, shape, outputs)


def test_one_channel_scales(run: Run) -> None:
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    (y,) = run("PointwiseForward", [x, [[[[3.0]]]]], [x.shape])
    np.testing.assert_array_equal(y, 3 * x)


def test_gradients_are_the_slopes_of_the_values(run: Run) -> None:
    rng, scale = np.random.default_rng(3), 1e-2
    x, weight = rng.normal(size=(2, 5, 3, 4)), rng.normal(size=(3, 5, 1, 1))
    dy = rng.normal(size=(2, 3, 3, 4))

    def loss(x: np.ndarray, weight: np.ndarray) -> float:
        (y,) = run("PointwiseForward", [x, weight], [dy.shape])
        return float((y.astype(np.float64) * dy).sum())

    (dx,) = run("PointwiseInputGradient", [dy, weight, x], [x.shape])
    (dweight,) = run("PointwiseWeightGradient", [dy, x, weight], [weight.shape])

    x_step, weight_step = scale * rng.normal(size=x.shape), scale * rng.normal(size=weight.shape)
    x_slope = (loss(x + x_step, weight) - loss(x - x_step, weight)) / 2
    weight_slope = (loss(x, weight + weight_step) - loss(x, weight - weight_step)) / 2
    np.testing.assert_allclose([x_slope, weight_slope], [(dx * x_step).sum(), (dweight * weight_step).sum()], rtol=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=["nan", "infinity"])
def test_what_is_not_finite_stays_so_and_reaches_nothing_else(run: Run, value: float) -> None:
    x, dy, weight = np.ones((2, 9, 5, 5)), np.ones((2, 11, 5, 5)), np.ones((11, 9, 1, 1))
    x[1, 2, 3, 4] = dy[1, 2, 3, 4] = value

    (y,) = run("PointwiseForward", [x, weight], [dy.shape])
    (dx,) = run("PointwiseInputGradient", [dy, weight, x], [x.shape])
    (dweight,) = run("PointwiseWeightGradient", [dy, np.ones_like(x), weight], [weight.shape])

    for maps in (y, dx):
        assert not np.isfinite(maps[1, :, 3, 4]).any()
        assert np.isfinite(maps).sum() == maps.size - maps.shape[1]
    assert not np.isfinite(dweight[2]).any()
    assert np.isfinite(dweight).sum() == dweight.size - dweight[2].size
