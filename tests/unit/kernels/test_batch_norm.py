"""BatchNorm against its definition in float64, its gradients against finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

EPS, MOMENTUM = 1e-5, 0.1
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
RELU6 = pytest.mark.parametrize("relu6", [False, True], ids=["alone", "with_relu6"])


def for_maps(values: np.ndarray) -> np.ndarray:
    return np.reshape(values, (1, -1, 1, 1))


def normalised(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray, relu6: bool
) -> np.ndarray:
    y = (x - for_maps(mean)) / np.sqrt(for_maps(variance) + EPS) * for_maps(gamma) + for_maps(beta)
    return np.clip(y, 0, 6) if relu6 else y


def by_batch(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, relu6: bool) -> np.ndarray:
    return normalised(x, gamma, beta, x.mean((0, 2, 3)), x.var((0, 2, 3)), relu6)


def slopes(function: Callable[[np.ndarray], float], values: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Finite differences of a scalar function of one array, one element after the other."""
    result = np.empty_like(values)
    for place in np.ndindex(values.shape):
        up, down = values.copy(), values.copy()
        up[place] += step
        down[place] -= step
        result[place] = (function(up) - function(down)) / (2 * step)
    return result


def float32_values(
    rng: np.random.Generator, shape: int | tuple[int, ...], scale: float = 1.0, shift: float = 0.0
) -> np.ndarray:
    """Float64 values that float32 has too, so that both compute with the same."""
    return (rng.normal(size=shape) * scale + shift).astype(np.float32).astype(np.float64)


class Layer:
    """Inputs and parameters for one shape; outputs of about -6 to 12, so that ReLU6 cuts on both sides."""

    def __init__(self, shape: tuple[int, ...], seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        channels = shape[1]
        self.x = float32_values(rng, shape, 2, 1)
        self.dy = float32_values(rng, shape)
        self.gamma, self.beta = float32_values(rng, channels, 1, 2), float32_values(rng, channels, 1, 3)
        self.mean = float32_values(rng, channels)
        self.variance = np.abs(float32_values(rng, channels)) + 0.5
        self.statistics = (self.mean, self.variance)


def kernel(name: str, relu6: bool, suffix: str) -> str:
    return f"{name}{'Relu6' if relu6 else ''}{suffix}"


def run_by_batch(run: Callable[..., list[np.ndarray]], layer: Layer, relu6: bool) -> list[np.ndarray]:
    vector = layer.gamma.shape
    return run(
        kernel("BatchNorm", relu6, "Forward"),
        [layer.x, layer.gamma, layer.beta, *layer.statistics, [EPS, MOMENTUM]],
        [layer.x.shape, *[vector] * 4],
    )


@RELU6
@given(shape=SHAPES, seed=st.integers(0, 999))
@settings(max_examples=50)
def test_normalises_by_the_batch_and_moves_its_statistics(
    run: Callable[..., list[np.ndarray]], relu6: bool, shape: tuple[int, ...], seed: int
) -> None:
    if shape[0] * shape[2] * shape[3] == 1:
        shape = (2, *shape[1:])
    layer = Layer(shape, seed)
    y, mean, inverse, new_mean, new_variance = run_by_batch(run, layer, relu6)
    count, variance = layer.x[:, 0].size, layer.x.var((0, 2, 3))
    # Two close values make a small deviation, by which their rounding is divided.
    np.testing.assert_allclose(y, by_batch(layer.x, layer.gamma, layer.beta, relu6), rtol=1e-4, atol=2e-4)
    np.testing.assert_allclose(mean, layer.x.mean((0, 2, 3)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(inverse, (variance + EPS) ** -0.5, rtol=1e-4)
    np.testing.assert_allclose(new_mean, 0.9 * layer.mean + 0.1 * layer.x.mean((0, 2, 3)), rtol=1e-5, atol=1e-6)
    unbiased = variance * count / (count - 1)
    np.testing.assert_allclose(new_variance, 0.9 * layer.variance + 0.1 * unbiased, rtol=1e-5)


def test_a_mean_far_from_zero_costs_no_accuracy(run: Callable[..., list[np.ndarray]]) -> None:
    layer = Layer((4, 2, 30, 30))
    layer.x += 1000.0
    y, _, inverse, *_ = run_by_batch(run, layer, relu6=False)
    np.testing.assert_allclose(inverse, (layer.x.var((0, 2, 3)) + EPS) ** -0.5, rtol=1e-4)
    np.testing.assert_allclose(y, by_batch(layer.x, layer.gamma, layer.beta, False), atol=2e-3)


@pytest.mark.parametrize("shape", [(16, 3, 7, 7), (3, 2, 56, 56)])
def test_planes_of_a_network_s_sizes(run: Callable[..., list[np.ndarray]], shape: tuple[int, ...]) -> None:
    layer = Layer(shape)
    y, mean, inverse, *_ = run_by_batch(run, layer, relu6=True)
    vector = layer.gamma.shape
    _, dgamma, dbeta = run(
        "BatchNormRelu6Backward", [layer.dy, layer.x, layer.gamma, layer.beta, mean, inverse], [shape, vector, vector]
    )
    normal = (layer.x - for_maps(layer.x.mean((0, 2, 3)))) / np.sqrt(for_maps(layer.x.var((0, 2, 3))) + EPS)
    before = normal * for_maps(layer.gamma) + for_maps(layer.beta)
    gradient = np.where((before > 0) & (before <= 6), layer.dy, 0)
    np.testing.assert_allclose(y, np.clip(before, 0, 6), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(dgamma, (gradient * normal).sum((0, 2, 3)), rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(dbeta, gradient.sum((0, 2, 3)), rtol=1e-4, atol=1e-2)


def test_equal_values_have_no_variance(run: Callable[..., list[np.ndarray]]) -> None:
    layer = Layer((3, 2, 5, 7))
    layer.x = np.full_like(layer.x, np.float32(0.1))
    _, _, inverse, _, new_variance = run_by_batch(run, layer, relu6=False)
    np.testing.assert_allclose(inverse, EPS**-0.5, rtol=1e-4)
    np.testing.assert_allclose(new_variance, 0.9 * layer.variance, rtol=1e-5)


@RELU6
@pytest.mark.parametrize("shape", [(2, 2, 3, 3), (1, 1, 4, 5), (5, 3, 1, 1), (2, 1, 1, 7)])
def test_gradients_by_the_batch_are_its_slopes(
    run: Callable[..., list[np.ndarray]], relu6: bool, shape: tuple[int, ...]
) -> None:
    layer = Layer(shape)
    _, mean, inverse, *_ = run_by_batch(run, layer, relu6)
    vector = layer.gamma.shape
    dx, dgamma, dbeta = run(
        kernel("BatchNorm", relu6, "Backward"),
        [layer.dy, layer.x, layer.gamma, layer.beta, mean, inverse],
        [shape, vector, vector],
    )
    total = lambda x, gamma, beta: np.sum(by_batch(x, gamma, beta, relu6) * layer.dy)  # noqa: E731
    close: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-4}
    np.testing.assert_allclose(dx, slopes(lambda x: total(x, layer.gamma, layer.beta), layer.x), **close)
    np.testing.assert_allclose(dgamma, slopes(lambda gamma: total(layer.x, gamma, layer.beta), layer.gamma), **close)
    np.testing.assert_allclose(dbeta, slopes(lambda beta: total(layer.x, layer.gamma, beta), layer.beta), **close)


@RELU6
@given(shape=SHAPES, seed=st.integers(0, 999))
@settings(max_examples=50)
def test_normalises_by_running_statistics(
    run: Callable[..., list[np.ndarray]], relu6: bool, shape: tuple[int, ...], seed: int
) -> None:
    layer = Layer(shape, seed)
    inputs = [layer.x, layer.gamma, layer.beta, *layer.statistics, [EPS]]
    (y,) = run(kernel("FrozenBatchNorm", relu6, "Forward"), inputs, [shape])
    expected = normalised(layer.x, layer.gamma, layer.beta, *layer.statistics, relu6)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


@RELU6
@pytest.mark.parametrize("shape", [(2, 2, 3, 3), (1, 1, 1, 1), (3, 1, 5, 2)])
def test_gradients_by_running_statistics_are_its_slopes(
    run: Callable[..., list[np.ndarray]], relu6: bool, shape: tuple[int, ...]
) -> None:
    layer = Layer(shape)
    inputs = [layer.dy, layer.x, layer.gamma, layer.beta, *layer.statistics, [EPS]]
    vector = layer.gamma.shape
    dx, dgamma, dbeta = run(kernel("FrozenBatchNorm", relu6, "BackwardTraining"), inputs, [shape, vector, vector])
    total = lambda x, gamma, beta: np.sum(  # noqa: E731
        normalised(x, gamma, beta, *layer.statistics, relu6) * layer.dy
    )
    close: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-4}
    np.testing.assert_allclose(dx, slopes(lambda x: total(x, layer.gamma, layer.beta), layer.x), **close)
    np.testing.assert_allclose(dgamma, slopes(lambda gamma: total(layer.x, gamma, layer.beta), layer.gamma), **close)
    np.testing.assert_allclose(dbeta, slopes(lambda beta: total(layer.x, layer.gamma, beta), layer.beta), **close)
    (alone,) = run(kernel("FrozenBatchNorm", relu6, "Backward"), inputs, [shape])
    np.testing.assert_array_equal(alone, dx)


@pytest.mark.parametrize("name", ["BatchNorm", "FrozenBatchNorm"])
def test_relu6_lets_nan_through(run: Callable[..., list[np.ndarray]], name: str) -> None:
    x = np.ones((1, 1, 2, 2))
    x[0, 0, 0, 0] = np.nan
    ones = np.ones(1)
    settings = [EPS, MOMENTUM] if name == "BatchNorm" else [EPS]
    more = [(1,)] * 4 if name == "BatchNorm" else []
    y, *_ = run(f"{name}Relu6Forward", [x, ones, ones, ones, ones, settings], [x.shape, *more])
    assert np.isnan(y[0, 0, 0, 0])
