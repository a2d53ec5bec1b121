"""Convolution 5x5 between few maps, against its definition in float64."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

Run = Callable[..., list[np.ndarray]]

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 7), st.integers(5, 19), st.integers(5, 19))


def windows(x: np.ndarray) -> np.ndarray:
    """The 5x5 window of x (N, C, H, W) that each output reads: (N, C, H - 4, W - 4, 5, 5)."""
    # NumPy's stub knows a single axis only.
    return sliding_window_view(x, (5, 5), (2, 3))  # type: ignore[call-overload]


def gradient_of_input(dy: np.ndarray, weight: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    dx = np.zeros(shape)
    for y, x in np.ndindex(dy.shape[2:]):
        dx[:, :, y : y + 5, x : x + 5] += np.einsum("no,ocij->ncij", dy[:, :, y, x], weight)
    return dx


def check(run: Run, shape: tuple[int, ...], outputs: int) -> None:
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=shape), rng.normal(size=(outputs, shape[1], 5, 5)), rng.normal(size=outputs)
    read = windows(x)
    dy = rng.normal(size=(shape[0], outputs, *read.shape[2:4]))

    (y,) = run("Convolution5x5Forward", [x, weight, bias], [dy.shape])
    (dx,) = run("Convolution5x5InputGradient", [dy, weight, x], [shape])
    dweight, dbias = run("Convolution5x5WeightGradient", [dy, x, weight], [weight.shape, bias.shape])

    expected = np.einsum("nchwij,ocij->nohw", read, weight) + bias[:, None, None]
    close = {"rtol": 1e-4, "atol": 1e-5 * (25 * shape[1]) ** 0.5}
    np.testing.assert_allclose(y, expected, **close)
    np.testing.assert_allclose(dx, gradient_of_input(dy, weight, shape), rtol=1e-4, atol=1e-5 * (25 * outputs) ** 0.5)
    summed = dy[:, 0].size ** 0.5
    np.testing.assert_allclose(dweight, np.einsum("nchwij,nohw->ocij", read, dy), rtol=1e-4, atol=1e-5 * summed)
    np.testing.assert_allclose(dbias, dy.sum((0, 2, 3)), rtol=1e-4, atol=1e-5 * summed)


@given(shape=SHAPES, outputs=st.integers(1, 17))
@settings(max_examples=60)
def test_small_maps_of_any_size(run: Run, shape: tuple[int, ...], outputs: int) -> None:
    check(run, shape, outputs)


@pytest.mark.parametrize(("shape", "outputs"), [((33, 1, 32, 32), 6), ((64, 6, 14, 14), 16), ((1, 3, 32, 70), 6)])
def test_maps_of_a_network_s_sizes(run: Run, shape: tuple[int, ...], outputs: int) -> None:
    check(run, shape, outputs)


def test_one_window_is_one_product(run: Run) -> None:
    kernel = np.arange(25.0).reshape(1, 1, 5, 5)
    (y,) = run("Convolution5x5Forward", [np.ones((1, 1, 5, 5)), kernel, [0.5]], [(1, 1, 1, 1)])
    assert y.item() == 300.5


def test_gradients_are_the_slopes_of_the_values(run: Run) -> None:
    rng, scale = np.random.default_rng(3), 1e-2
    x, weight, bias = rng.normal(size=(2, 2, 7, 8)), rng.normal(size=(3, 2, 5, 5)), rng.normal(size=3)
    dy = rng.normal(size=(2, 3, 3, 4))

    def loss(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> float:
        (y,) = run("Convolution5x5Forward", [x, weight, bias], [dy.shape])
        return float((y.astype(np.float64) * dy).sum())

    (dx,) = run("Convolution5x5InputGradient", [dy, weight, x], [x.shape])
    dweight, dbias = run("Convolution5x5WeightGradient", [dy, x, weight], [weight.shape, bias.shape])
    for gradient, position in ((dx, 0), (dweight, 1), (dbias, 2)):
        direction = rng.normal(size=gradient.shape)
        ahead, behind = [x, weight, bias], [x, weight, bias]
        ahead[position], behind[position] = ahead[position] + scale * direction, behind[position] - scale * direction
        slope = (loss(*ahead) - loss(*behind)) / (2 * scale)
        assert slope == pytest.approx((gradient * direction).sum(), rel=2e-3, abs=2e-2)
