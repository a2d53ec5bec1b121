"""What this machine can do, and how near the layers of MobileNetV2 come to it: GFLOP/s, GB/s, and the time that each
kind of layer needs at least.

    python benchmarks/roofline.py [--size 224]

Peak arithmetic is a large matrix product in float32 by NumPy's BLAS, bandwidth a sum of arrays beyond any cache, both
by one thread. The least time of a layer is the larger of its arithmetic at the peak and its traffic at the bandwidth.
A training step counts three times the forward pass: the values, the gradient of the input, and that of the weight.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ROWS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


@dataclass(frozen=True)
class Work:
    """One layer's forward pass for one picture: floating-point operations, and float32 read and written."""

    kind: str
    flops: int
    floats: int


def convolution(kind: str, inputs: int, outputs: int, side: int, stride: int, taps: int) -> Iterator[Work]:
    """A convolution and the BatchNorm behind it; depthwise where `kind` says so."""
    out_side = -(-side // stride)
    read = taps * (1 if kind == "depthwise 3x3" else inputs)
    yield Work(kind, 2 * outputs * out_side**2 * read, inputs * side**2 + outputs * out_side**2 + outputs * read)
    yield Work("BatchNorm (and ReLU6)", 4 * outputs * out_side**2, 2 * outputs * out_side**2)


def mobilenetv2(size: int) -> Iterator[Work]:
    """The layers of MobileNetV2 1.0 up to its pooling (table 2 of Sandler et al. 2018)."""
    yield from convolution("first 3x3", 3, 32, size, 2, 9)
    side, channels = -(-size // 2), 32
    for expansion, outputs, repeats, first_stride in ROWS:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            hidden = channels * expansion
            if expansion > 1:
                yield from convolution("1x1", channels, hidden, side, 1, 1)
            yield from convolution("depthwise 3x3", hidden, hidden, side, stride, 9)
            side, channels = -(-side // stride), outputs
            yield from convolution("1x1", hidden, outputs, side, 1, 1)
    yield from convolution("1x1", channels, 1280, side, 1, 1)


def best_rate(run: Callable[[], object], amount: float, repeats: int = 40) -> float:
    """`amount` by the CPU seconds of the cheapest of some runs, in thousand millions."""
    run()
    seconds = []
    for _ in range(repeats):
        started = time.process_time()  # and not the wall's: others may have a turn in between
        run()
        seconds.append(time.process_time() - started)
    return amount / min(seconds) / 1e9


def peaks() -> tuple[float, float]:
    """GFLOP/s of a matrix product and GB/s of a sum of two arrays, by one thread."""
    import numpy as np

    rng = np.random.default_rng(0)
    a, b = rng.random((2, 1024, 1024), np.float32)
    product = best_rate(lambda: np.matmul(a, b), 2 * 1024**3)
    x, y = rng.random((2, 16 << 20), np.float32)
    out = np.empty_like(x)
    # Two arrays are read, the third is written, and its lines are read before.
    return product, best_rate(lambda: np.add(x, y, out=out), 4 * x.nbytes)


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    gflops, gbytes = peaks()

    totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for work in mobilenetv2(options.size):
        # Forward, gradient of the input, gradient of the weight.
        arithmetic, traffic = 3 * work.flops / gflops / 1e6, 3 * 4 * work.floats / gbytes / 1e6
        for column, value in enumerate((arithmetic, traffic, max(arithmetic, traffic))):
            totals[work.kind][column] += value
    least = {kind: columns[2] for kind, columns in totals.items()}
    if options.json:
        print(json.dumps({"gflops": gflops, "gbytes_per_second": gbytes, "least_ms_a_picture": least}))
        return
    print(f"One thread: {gflops:.0f} GFLOP/s in a matrix product, {gbytes:.1f} GB/s from memory")
    print(f"| MobileNetV2 {options.size} px, a training step, a picture | GFLOP | ms: arithmetic | memory | at least |")
    print("|---|---|---|---|---|")
    for kind, (arithmetic, traffic, both) in totals.items():
        print(f"| {kind} | {arithmetic * gflops / 1e3:.2f} | {arithmetic:.1f} | {traffic:.1f} | {both:.1f} |")
    print(f"| all | | | | {sum(least.values()):.1f} |")


if __name__ == "__main__":
    main()
