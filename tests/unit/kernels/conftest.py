"""The compiled kernels, called without MindSpore in between."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

from kernels.build import KernelsUnavailable, library


@pytest.fixture(scope="session")
def compiled() -> Path:
    try:
        return library()
    except KernelsUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def call(compiled: Path) -> Callable[..., int]:
    """Call a kernel by its name on arrays, inputs first; returns its status."""
    kernels = ctypes.CDLL(str(compiled))

    def kernel(name: str, *arrays: np.ndarray) -> int:
        count = len(arrays)
        sizes = [(ctypes.c_int64 * array.ndim)(*array.shape) for array in arrays]
        return getattr(kernels, name)(
            count,
            (ctypes.c_void_p * count)(*(array.ctypes.data for array in arrays)),
            (ctypes.c_int * count)(*(array.ndim for array in arrays)),
            (ctypes.c_void_p * count)(*map(ctypes.addressof, sizes)),
            (ctypes.c_char_p * count)(*(array.dtype.name.encode() for array in arrays)),
            None,
            None,
        )

    return kernel


@pytest.fixture(scope="session")
def run(call: Callable[..., int]) -> Callable[..., list[np.ndarray]]:
    """Run a kernel on inputs, of which int32 stays so, and give its outputs, of these shapes; they start as NaN."""

    def outputs(name: str, inputs: list[np.ndarray], shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        types = [np.int32 if np.asarray(array).dtype == np.int32 else np.float32 for array in inputs]
        inputs = [np.asarray(array, dtype, "C") for array, dtype in zip(inputs, types, strict=True)]
        results = [np.full(shape, np.nan, np.float32) for shape in shapes]
        assert call(name, *inputs, *results) == 0
        return results

    return outputs


@pytest.fixture
def graph_mode() -> None:
    ms.set_context(mode=ms.GRAPH_MODE)
