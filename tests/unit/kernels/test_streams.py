"""Large maps at the beginning of a cache line are written past the caches; where they lie changes no bit."""

from collections.abc import Callable

import numpy as np
import pytest

SHAPE = (4, 84, 56, 56)  # more than stays in a cache
VECTOR = (84,)
WEIGHT = (84, 1, 3, 3)
SETTINGS = [1e-5, 0.1, 1e-5, 0.1]


def placed(shape: tuple[int, ...], floats: int) -> np.ndarray:
    """NaN, so many floats behind the beginning of a cache line."""
    size = int(np.prod(shape))
    memory = np.full(size + 32, np.nan, np.float32)
    start = -memory.ctypes.data % 64 // 4 + floats
    return memory[start : start + size].reshape(shape)


def maps(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def vectors(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(5).uniform(0.5, 1.5, size=(count, *VECTOR)).astype(np.float32))


def inputs(name: str) -> tuple[list[np.ndarray], list[tuple[int, ...]]]:
    """Inputs of a kernel, and the shapes of its outputs."""
    settings = np.array(SETTINGS, np.float32)
    weight = maps(WEIGHT, 1)
    if name == "PointwiseForward":
        return [maps((4, 3, 56, 56)), maps((84, 3, 1, 1), 1)], [SHAPE]
    if name == "BatchNormRelu6Forward":
        return [maps(), *vectors(4), settings[:2]], [SHAPE, *[VECTOR] * 4]
    if name == "BatchNormRelu6Backward":
        return [maps(), maps(seed=1), *vectors(4)], [SHAPE, VECTOR, VECTOR]
    if name == "FrozenBatchNormRelu6Forward":
        return [maps(), *vectors(4), settings[:1]], [SHAPE]
    if name == "FrozenBatchNormRelu6Backward":
        return [maps(), maps(seed=1), *vectors(4), settings[:1]], [SHAPE]
    if name.endswith("DepthwiseBlockForwardStride1"):
        return [maps(), weight, *vectors(8), settings], [SHAPE, SHAPE, *[VECTOR] * (0 if "Frozen" in name else 8)]
    return [maps(), maps(seed=1), maps(seed=2), weight, *vectors(8), settings], [SHAPE, WEIGHT, *[VECTOR] * 4]


@pytest.mark.parametrize(
    "name",
    [
        "PointwiseForward",
        "BatchNormRelu6Forward",
        "BatchNormRelu6Backward",
        "FrozenBatchNormRelu6Forward",
        "FrozenBatchNormRelu6Backward",
        "DepthwiseBlockForwardStride1",
        "DepthwiseBlockBackwardStride1",
        "FrozenDepthwiseBlockForwardStride1",
        "FrozenDepthwiseBlockBackwardStride1",
    ],
)
def test_where_maps_lie_changes_no_bit(call: Callable[..., int], name: str) -> None:
    given, shapes = inputs(name)
    at_a_line, elsewhere = ([placed(shape, floats) for shape in shapes] for floats in (0, 1))
    assert call(name, *given, *at_a_line) == 0
    assert call(name, *given, *elsewhere) == 0
    for one, other in zip(at_a_line, elsewhere, strict=True):
        assert not np.isnan(one).any()
        np.testing.assert_array_equal(one, other)
