"""2x2 pooling against its definition."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(2, 19), st.integers(2, 19))
KINDS = pytest.mark.parametrize("kind", ["Max", "Average"])
RELU = pytest.mark.parametrize("relu", [False, True], ids=["alone", "with_relu"])


def windows(x: np.ndarray) -> np.ndarray:
    """(N, C, H // 2, W // 2, 4), row by row."""
    height, width = (size // 2 * 2 for size in x.shape[2:])
    blocks = x[:, :, :height, :width].reshape(*x.shape[:2], height // 2, 2, width // 2, 2)
    return blocks.swapaxes(3, 4).reshape(*x.shape[:2], height // 2, width // 2, 4)


@KINDS
@RELU
@given(shape=SHAPES, seed=st.integers(0, 999))
@settings(max_examples=50)
def test_values_and_gradients(
    run: Callable[..., list[np.ndarray]], kind: str, relu: bool, shape: tuple[int, ...], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, size=shape).astype(np.float32)  # many are equal
    name = f"{'Relu' if relu else ''}{kind}Pool"
    read = windows(np.maximum(x, 0) if relu else x)
    dy = rng.normal(size=read.shape[:4]).astype(np.float32)
    if kind == "Max":
        expected, shares = read.max(-1), np.eye(4)[read.argmax(-1)]
    else:
        expected, shares = read.mean(-1), np.full(read.shape, 0.25)
    if relu:
        shares = shares * (windows(x) > 0)

    (y,) = run(f"{name}Forward", [x], [dy.shape])
    (dx,) = run(f"{name}Backward", [dy, x], [shape])

    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(windows(dx), shares * dy[..., None], rtol=1e-6)
    assert not dx[:, :, dy.shape[2] * 2 :].any()
    assert not dx[:, :, :, dy.shape[3] * 2 :].any()
