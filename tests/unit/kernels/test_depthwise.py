"""Depthwise convolution against its definition in float64."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

SETTINGS = pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 1), (2, 0), (2, 1)])
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 19), st.integers(1, 19))


def windows(x: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """The 3x3 window of x (N, C, H, W) that each output reads: (N, C, H', W', 3, 3)."""
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    # NumPy's stub knows a single axis only.
    read = sliding_window_view(padded, (3, 3), (2, 3))  # type: ignore[call-overload]
    return read[:, :, ::stride, ::stride]


def gradient_of_input(
    dy: np.ndarray, weight: np.ndarray, shape: tuple[int, ...], stride: int, padding: int
) -> np.ndarray:
    padded = np.zeros((*shape[:2], shape[2] + 2 * padding, shape[3] + 2 * padding))
    for y, x in np.ndindex(dy.shape[2:]):
        at = (..., slice(stride * y, stride * y + 3), slice(stride * x, stride * x + 3))
        padded[at] += dy[:, :, y, x, None, None] * weight[:, 0]
    return padded[:, :, padding : padding + shape[2], padding : padding + shape[3]]


def tensors(
    shape: tuple[int, ...], stride: int, padding: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, weight = rng.normal(size=shape), rng.normal(size=(shape[1], 1, 3, 3))
    return x, weight, rng.normal(size=windows(x, stride, padding).shape[:4])


def check(run: Callable[..., list[np.ndarray]], shape: tuple[int, ...], stride: int, padding: int) -> None:
    x, weight, dy = tensors(shape, stride, padding)
    read = windows(x, stride, padding)
    variant = f"Stride{stride}Padding{padding}"
    (y,) = run(f"DepthwiseForward{variant}", [x, weight], [dy.shape])
    np.testing.assert_allclose(y, np.einsum("nchwij,cij->nchw", read, weight[:, 0]), rtol=1e-4, atol=1e-5)
    dx, dweight = run(f"DepthwiseBackward{variant}", [dy, weight, x], [shape, weight.shape])
    np.testing.assert_allclose(dx, gradient_of_input(dy, weight, shape, stride, padding), rtol=1e-4, atol=1e-5)
    expected = np.einsum("nchwij,nchw->cij", read, dy)[:, None]
    np.testing.assert_allclose(dweight, expected, rtol=1e-4, atol=1e-5 * dy[:, 0].size ** 0.5)


@SETTINGS
@given(shape=SHAPES)
@settings(max_examples=60)
def test_small_maps_of_any_size(
    run: Callable[..., list[np.ndarray]], stride: int, padding: int, shape: tuple[int, ...]
) -> None:
    if min(shape[2:]) + 2 * padding < 3:
        shape = (*shape[:2], *(size + 2 for size in shape[2:]))
    check(run, shape, stride, padding)


@SETTINGS
@pytest.mark.parametrize("shape", [(2, 3, 56, 56), (1, 2, 113, 111), (3, 40, 7, 7), (1, 1, 33, 64)])
def test_maps_of_a_network_s_sizes(
    run: Callable[..., list[np.ndarray]], stride: int, padding: int, shape: tuple[int, ...]
) -> None:
    check(run, shape, stride, padding)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_1x1_map_is_the_kernel_s_centre(run: Callable[..., list[np.ndarray]], stride: int) -> None:
    (y,) = run(
        f"DepthwiseForwardStride{stride}Padding1", [[[[[2.0]]]], np.arange(9).reshape(1, 1, 3, 3)], [(1, 1, 1, 1)]
    )
    assert y.item() == 8.0


def test_nan_stays_in_sight(run: Callable[..., list[np.ndarray]]) -> None:
    x = np.zeros((1, 1, 5, 5))
    x[0, 0, 2, 2] = np.nan
    (y,) = run("DepthwiseForwardStride1Padding1", [x, np.ones((1, 1, 3, 3))], [x.shape])
    assert np.isnan(y).sum() == 9
