"""How long one call takes beside the float32 file's: measured in turns, so that a busy machine slows both."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import numpy as np

from deploy.bundle.manifest import Latency
from deploy.use.runtimes import OnnxRuntime

CALLS = 40


def compare_latency(path: Path, base: Path, picture: np.ndarray) -> Latency:
    """Time both files with 1 thread and batch 1.

    Args:
        path: ONNX file.
        base: float32 ONNX file with the same input.
        picture: input (1, C, H, W).
    """
    runtimes = [OnnxRuntime(file, threads=1) for file in (path, base)]
    seconds: list[list[float]] = [[], []]
    for _ in range(CALLS):
        for runtime, times in zip(runtimes, seconds, strict=True):
            start = time.perf_counter()
            runtime(picture)
            times.append(time.perf_counter() - start)
    # The first calls allocate and plan.
    own, float32 = (1000 * median(times[3:]) for times in seconds)
    return Latency(milliseconds=own, float32_milliseconds=float32, ratio=own / float32)
