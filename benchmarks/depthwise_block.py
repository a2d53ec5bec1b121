"""BatchNorm, ReLU6, depthwise 3x3, BatchNorm and ReLU6 of MobileNetV2 by one kernel and by three, without MindSpore.

    OMP_NUM_THREADS=1 python benchmarks/depthwise_block.py [--size 224] [--batch 16]
    CXX="c++ -mno-avx512f" OMP_NUM_THREADS=1 python benchmarks/depthwise_block.py     # code for AVX2

CPU-ms a picture, values and gradients, by the statistics of the batch. Both take turns; each counts with its cheapest.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.pointwise import at_cache_line, seconds  # noqa: E402
from benchmarks.roofline import ROWS  # noqa: E402
from kernels.build import library  # noqa: E402

TURNS = 8


def layers(size: int) -> Iterator[tuple[int, int, int]]:
    """Channels, side of the maps and stride of each depthwise convolution behind an expansion."""
    side, channels = -(-size // 2), 32
    for expansion, outputs, repeats, first_stride in ROWS:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            if expansion > 1:
                yield channels * expansion, side, stride
            side, channels = -(-side // stride), outputs


def times(kernels: ctypes.CDLL, batch: int, channels: int, side: int, stride: int) -> tuple[float, float]:
    """CPU seconds of one layer's values and gradients by three kernels, and by one."""
    rng = np.random.default_rng(0)
    x, a, da, dx = (at_cache_line(rng, (batch, channels, side, side)) for _ in range(4))
    out_side = -(-side // stride)
    y, h, dy, dh = (at_cache_line(rng, (batch, channels, out_side, out_side)) for _ in range(4))
    weight, dweight = rng.random((2, channels, 1, 3, 3), np.float32)
    first, second, by_first, by_second = rng.random((4, 4, channels), np.float32) + 0.5
    d = rng.random((4, channels), np.float32)
    settings = np.array([1e-5, 0.1, 1e-5, 0.1], np.float32)
    variant = f"Stride{stride}"

    def call(name: str, *arrays: np.ndarray) -> float:
        return seconds(kernels, name, *arrays, repeats=1)

    def by_three() -> float:
        return (
            call("BatchNormRelu6Forward", x, *first, settings[:2], a, *by_first)
            + call(f"DepthwiseForward{variant}Padding1", a, weight, h)
            + call("BatchNormRelu6Forward", h, *second, settings[2:], y, *by_second)
            + call("BatchNormRelu6Backward", dy, h, *second[:2], *by_second[:2], dh, *d[2:])
            + call(f"DepthwiseBackward{variant}Padding1", dh, weight, a, da, dweight)
            + call("BatchNormRelu6Backward", da, x, *first[:2], *by_first[:2], dx, *d[:2])
        )

    def by_one() -> float:
        used = (*first[:2], *by_first[:2], *second[:2], *by_second[:2], settings)
        return call(
            f"DepthwiseBlockForward{variant}", x, weight, *first, *second, settings, y, h, *by_first, *by_second
        ) + call(f"DepthwiseBlockBackward{variant}", dy, x, h, weight, *used, dx, dweight, *d)

    turns = [(by_three(), by_one()) for _ in range(TURNS)]
    return min(turn[0] for turn in turns), min(turn[1] for turn in turns)


def main() -> None:
    """Measure every layer once, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    kernels = ctypes.CDLL(str(library()))
    total = np.zeros(2)
    print("| layer | times | by three kernels, ms | by one, ms |\n|---|---|---|---|")
    for (channels, side, stride), count in Counter(layers(options.size)).items():
        each = np.array(times(kernels, options.batch, channels, side, stride)) * 1e3 / options.batch
        total += count * each
        print(f"| {channels}, {side}x{side}, stride {stride} | {count} | {each[0]:.2f} | {each[1]:.2f} |")
    print(f"| all | | {total[0]:.1f} | {total[1]:.1f} |")


if __name__ == "__main__":
    main()
