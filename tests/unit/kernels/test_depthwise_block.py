"""BatchNorm, ReLU6, depthwise convolution, BatchNorm and ReLU6 as one, against their definition in float64."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

Run = Callable[..., list[np.ndarray]]

EPS = (1e-5, 1e-3)
MOMENTUM = (0.1, 0.3)
STRIDES = pytest.mark.parametrize("stride", [1, 2])
LIVE = pytest.mark.parametrize("live", [True, False], ids=["by_batch", "by_running"])
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 22), st.integers(1, 19), st.integers(1, 19))
CLOSE: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-3}


@dataclass
class Norm:
    """A BatchNorm's parameters and running statistics, each (C,)."""

    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    def arrays(self) -> list[np.ndarray]:
        return [self.gamma, self.beta, self.mean, self.variance]

    def apply(self, x: np.ndarray, eps: float, live: bool) -> np.ndarray:
        """BatchNorm and ReLU6."""
        mean, variance = (x.mean((0, 2, 3)), x.var((0, 2, 3))) if live else (self.mean, self.variance)
        scale = self.gamma / np.sqrt(variance + eps)
        return np.clip((x - mean[:, None, None]) * scale[:, None, None] + self.beta[:, None, None], 0, 6)


class Block:
    """Inputs for one shape, of values that float32 has too; ReLU6 cuts on both sides."""

    def __init__(self, shape: tuple[int, ...], stride: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)

        def values(size: int | tuple[int, ...], scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
            return (rng.normal(size=size) * scale + shift).astype(np.float32).astype(np.float64)

        channels = shape[1]
        self.stride = stride
        self.x, self.weight = values(shape, 2, 1), values((channels, 1, 3, 3))
        self.norms = [
            Norm(values(channels, 1, 2), values(channels, 1, 3), values(channels), np.abs(values(channels)) + 0.5)
            for _ in range(2)
        ]
        self.dy = values(self.convolved(self.x).shape)

    def convolved(self, x: np.ndarray) -> np.ndarray:
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        # NumPy's stub knows a single axis only.
        windows = sliding_window_view(padded, (3, 3), (2, 3))  # type: ignore[call-overload]
        return np.einsum("nchwij,cij->nchw", windows[:, :, :: self.stride, :: self.stride], self.weight[:, 0])

    def expected(self, live: bool) -> np.ndarray:
        before, after = self.norms
        return after.apply(self.convolved(before.apply(self.x, EPS[0], live)), EPS[1], live)

    def settings(self) -> list[float]:
        return [EPS[0], MOMENTUM[0], EPS[1], MOMENTUM[1]]

    def inputs(self) -> list[np.ndarray]:
        return [self.x, self.weight, *self.norms[0].arrays(), *self.norms[1].arrays(), np.array(self.settings())]

    def forward(self, run: Run, live: bool) -> list[np.ndarray]:
        statistics = [self.norms[0].gamma.shape] * 8 if live else []
        name = f"{'' if live else 'Frozen'}DepthwiseBlockForwardStride{self.stride}"
        return run(name, self.inputs(), [self.dy.shape, self.dy.shape, *statistics])

    def backward(self, run: Run, live: bool) -> list[np.ndarray]:
        _, convolved, *statistics = self.forward(run, live)
        used = [statistics[:2], statistics[4:6]] if live else [[norm.mean, norm.variance] for norm in self.norms]
        parameters = [[norm.gamma, norm.beta, *by] for norm, by in zip(self.norms, used, strict=True)]
        vector = self.norms[0].gamma.shape
        return run(
            f"{'' if live else 'Frozen'}DepthwiseBlockBackwardStride{self.stride}",
            [self.dy, self.x, convolved, self.weight, *parameters[0], *parameters[1], np.array(self.settings())],
            [self.x.shape, self.weight.shape, *[vector] * 4],
        )


def slopes(total: Callable[[], float], values: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Finite differences of a sum that depends on an array, one element after the other."""
    result = np.empty_like(values)
    for place in np.ndindex(values.shape):
        value = values[place]
        values[place] = value + step
        up = total()
        values[place] = value - step
        result[place] = (up - total()) / (2 * step)
        values[place] = value
    return result


@STRIDES
@LIVE
@given(shape=SHAPES, seed=st.integers(0, 999))
@settings(max_examples=60)
def test_small_maps_of_any_size(run: Run, stride: int, live: bool, shape: tuple[int, ...], seed: int) -> None:
    if shape[0] * shape[2] * shape[3] < 50 * live:  # so that no channel is without variance
        shape = (3, shape[1], shape[2] + 8, shape[3] + 8)
    block = Block(shape, stride, seed)
    y, *_ = block.forward(run, live)
    np.testing.assert_allclose(y, block.expected(live), **CLOSE)


@STRIDES
@LIVE
@pytest.mark.parametrize("shape", [(2, 3, 112, 112), (3, 2, 56, 56), (2, 25, 14, 14), (3, 41, 7, 7), (1, 1, 33, 64)])
def test_maps_of_a_network_s_sizes(run: Run, stride: int, live: bool, shape: tuple[int, ...]) -> None:
    block = Block(shape, stride)
    y, *_ = block.forward(run, live)
    np.testing.assert_allclose(y, block.expected(live), **CLOSE)


@STRIDES
def test_the_statistics_of_the_batch_move_those_that_are_kept(run: Run, stride: int) -> None:
    block = Block((3, 21, 9, 8), stride)
    before, after = block.norms
    _, convolved, *statistics = block.forward(run, live=True)
    read = (block.x, block.convolved(before.apply(block.x, EPS[0], True)))
    np.testing.assert_allclose(convolved, read[1], **CLOSE)
    for norm, x, eps, momentum, found in zip(
        (before, after), read, EPS, MOMENTUM, (statistics[:4], statistics[4:]), strict=True
    ):
        mean, variance, count = x.mean((0, 2, 3)), x.var((0, 2, 3)), x[:, 0].size
        expected = (
            mean,
            (variance + eps) ** -0.5,
            (1 - momentum) * norm.mean + momentum * mean,
            (1 - momentum) * norm.variance + momentum * variance * count / (count - 1),
        )
        for value, definition in zip(found, expected, strict=True):
            np.testing.assert_allclose(value, definition, rtol=1e-4, atol=1e-4)


@STRIDES
@LIVE
@pytest.mark.parametrize("shape", [(2, 2, 5, 4), (1, 1, 3, 9), (3, 22, 2, 3), (2, 1, 1, 17), (1, 1, 18, 2)])
def test_gradients_are_slopes(run: Run, stride: int, live: bool, shape: tuple[int, ...]) -> None:
    block = Block(shape, stride)
    found = block.backward(run, live)
    before, after = block.norms

    def total() -> float:
        return float(np.sum(block.expected(live) * block.dy))

    for gradient, values in zip(
        found, (block.x, block.weight, before.gamma, before.beta, after.gamma, after.beta), strict=True
    ):
        expected = slopes(total, values)
        scale = max(np.abs(expected).max(), 1)
        np.testing.assert_allclose(gradient / scale, expected / scale, atol=2e-4)


@STRIDES
@pytest.mark.parametrize("shape", [(16, 3, 28, 28), (4, 25, 14, 14), (4, 41, 7, 7), (2, 2, 56, 57)])
def test_gradients_are_those_of_the_layers_one_by_one(run: Run, stride: int, shape: tuple[int, ...]) -> None:
    block = Block(shape, stride)
    vector = block.norms[0].gamma.shape
    (before, after), settings = block.norms, np.array(block.settings())
    variant = f"Stride{stride}Padding1"

    a, *one = run("BatchNormRelu6Forward", [block.x, *before.arrays(), settings[:2]], [shape, *[vector] * 4])
    (h,) = run(f"DepthwiseForward{variant}", [a, block.weight], [block.dy.shape])
    _, *two = run("BatchNormRelu6Forward", [h, *after.arrays(), settings[2:]], [h.shape, *[vector] * 4])
    dh, *dafter = run(
        "BatchNormRelu6Backward", [block.dy, h, after.gamma, after.beta, *two[:2]], [h.shape, vector, vector]
    )
    da, dweight = run(f"DepthwiseBackward{variant}", [dh, block.weight, a], [shape, block.weight.shape])
    dx, *dbefore = run(
        "BatchNormRelu6Backward", [da, block.x, before.gamma, before.beta, *one[:2]], [shape, vector, vector]
    )

    for gradient, expected in zip(block.backward(run, True), (dx, dweight, *dbefore, *dafter), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(gradient / scale, expected / scale, atol=1e-4)


@STRIDES
@LIVE
def test_nan_stays_in_sight(run: Run, stride: int, live: bool) -> None:
    block = Block((1, 1, 5, 5), stride)
    block.x[0, 0, 2, 2] = np.nan
    y, *_ = block.forward(run, live)
    assert np.isnan(y[0, 0, 2 // stride, 2 // stride])
