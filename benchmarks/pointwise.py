"""The 1x1 convolutions of MobileNetV2 by the kernels, without MindSpore: GFLOP/s of each layer, CPU-ms of all.

    OMP_NUM_THREADS=1 python benchmarks/pointwise.py [--size 224] [--batch 16]
    CXX="c++ -mno-avx512f" OMP_NUM_THREADS=1 python benchmarks/pointwise.py     # code for AVX2

Each layer counts with the cheapest of some runs.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.roofline import ROWS  # noqa: E402
from kernels.build import library  # noqa: E402

KINDS = ("values", "gradient of the input", "gradient of the weight")


def layers(size: int) -> Iterator[tuple[int, int, int]]:
    """Input channels, output channels and side of the maps of each 1x1 convolution (table 2 of Sandler et al. 2018)."""
    side, channels = -(-size // 2), 32
    for expansion, outputs, repeats, first_stride in ROWS:
        for repeat in range(repeats):
            hidden = channels * expansion
            if expansion > 1:
                yield channels, hidden, side
            side = -(-side // (first_stride if repeat == 0 else 1))
            yield hidden, outputs, side
            channels = outputs
    yield channels, 1280, side


def at_cache_line(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random float32 that begin with a cache line, as MindSpore's tensors do."""
    memory = rng.random(int(np.prod(shape)) + 16, np.float32)
    start = -memory.ctypes.data % 64 // 4
    return memory[start : start + int(np.prod(shape))].reshape(shape)


def seconds(kernels: ctypes.CDLL, name: str, *arrays: np.ndarray, repeats: int = 8) -> float:
    """CPU seconds of the cheapest of some calls of a kernel."""
    count = len(arrays)
    sizes = [(ctypes.c_int64 * array.ndim)(*array.shape) for array in arrays]
    arguments = (
        count,
        (ctypes.c_void_p * count)(*(array.ctypes.data for array in arrays)),
        (ctypes.c_int * count)(*(array.ndim for array in arrays)),
        (ctypes.c_void_p * count)(*map(ctypes.addressof, sizes)),
        (ctypes.c_char_p * count)(*[b"float32"] * count),
        None,
        None,
    )
    best = float("inf")
    for _ in range(repeats):
        started = time.process_time()
        status = getattr(kernels, name)(*arguments)
        best = min(best, time.process_time() - started)
        if status:
            raise SystemExit(f"{name} returned {status}")
    return best


def main() -> None:
    """Measure every layer once, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    kernels = ctypes.CDLL(str(library()))
    rng = np.random.default_rng(0)
    total, flops = np.zeros(3), 0
    print(f"| layer | times | {' | '.join(f'{kind}, GFLOP/s' for kind in KINDS)} |\n|---|---|---|---|---|")
    for (inputs, outputs, side), times in Counter(layers(options.size)).items():
        x, dx = (at_cache_line(rng, (options.batch, inputs, side, side)) for _ in range(2))
        y = at_cache_line(rng, (options.batch, outputs, side, side))
        weight, dweight = rng.random((2, outputs, inputs, 1, 1), np.float32)
        taken = np.array(
            [
                seconds(kernels, "PointwiseForward", x, weight, y),
                seconds(kernels, "PointwiseInputGradient", y, weight, x, dx),
                seconds(kernels, "PointwiseWeightGradient", y, x, weight, dweight),
            ]
        )
        work = 2 * x[:, 0].size * inputs * outputs
        rates = " | ".join(f"{rate:.0f}" for rate in work / taken / 1e9)
        print(f"| {inputs} to {outputs}, {side}x{side} | {times} | {rates} |", flush=True)
        total += times * taken
        flops += times * work
    rates = " | ".join(f"{rate:.0f}" for rate in flops / total / 1e9)
    each = " + ".join(f"{ms:.1f}" for ms in total / options.batch * 1e3)
    print(f"| all | | {rates} |\n{each} = {total.sum() / options.batch * 1e3:.1f} CPU-ms a picture")


if __name__ == "__main__":
    main()
