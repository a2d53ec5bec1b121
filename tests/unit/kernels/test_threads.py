"""The number of threads changes no bit."""

import ctypes
from collections.abc import Callable, Iterator

import numpy as np
import pytest


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    try:
        openmp = ctypes.CDLL("libgomp.so.1")
    except OSError:
        pytest.skip("the kernels run in one thread here")
    before = openmp.omp_get_max_threads()
    yield openmp.omp_set_num_threads
    openmp.omp_set_num_threads(before)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_gradients_are_the_same_by_any_number_of_threads(
    run: Callable[..., list[np.ndarray]], set_threads: Callable[[int], None], threads: int
) -> None:
    rng = np.random.default_rng(0)
    dy, x = rng.normal(size=(2, 2, 5, 96, 96))
    weight, ones, mean = rng.normal(size=(5, 1, 3, 3)), np.ones(5), x.mean((0, 2, 3))

    matrix = rng.normal(size=(7, 5, 1, 1))
    wide = rng.normal(size=(2, 7, 96, 96))
    maps, kernels = rng.normal(size=(2, 3, 92, 92)), rng.normal(size=(3, 5, 5, 5))

    def gradients() -> list[np.ndarray]:
        return [
            *run("DepthwiseBackwardStride1Padding1", [dy, weight, x], [x.shape, weight.shape]),
            *run("PointwiseInputGradient", [wide, matrix, x], [x.shape]),
            *run("PointwiseWeightGradient", [wide, x, matrix], [matrix.shape]),
            *run("Convolution5x5WeightGradient", [maps, x, kernels], [kernels.shape, (3,)]),
            *run("Convolution5x5InputGradient", [maps, kernels, x], [x.shape]),
            *run("BatchNormRelu6Backward", [dy, x, ones, ones, mean, ones], [x.shape, (5,), (5,)]),
            *run(
                "DepthwiseBlockBackwardStride1",
                [dy, x, dy + x, weight, ones, ones, mean, ones, ones, ones, mean, ones, np.full(4, 0.1)],
                [x.shape, weight.shape, *[(5,)] * 4],
            ),
        ]

    set_threads(1)
    expected = gradients()
    set_threads(threads)
    for gradient, alone in zip(gradients(), expected, strict=True):
        np.testing.assert_array_equal(gradient, alone)


def test_weights_are_the_same_by_any_number_of_threads(
    call: Callable[..., int], set_threads: Callable[[int], None]
) -> None:
    def weights(threads: int) -> np.ndarray:
        gradient, weight, mean, square = np.random.default_rng(0).uniform(size=(4, 50_001)).astype(np.float32)
        settings, decay = np.array([0.9, 0.999, 1e-8], np.float32), np.array([0.01], np.float32)
        power1, power2, rate, done = (np.array(value, np.float32) for value in (1, 1, 0.1, 0))
        set_threads(threads)
        assert call("AdamWStep", settings, decay, power1, power2, gradient, rate, weight, mean, square, done) == 0
        return weight

    np.testing.assert_array_equal(weights(3), weights(1))
