"""How long one call takes beside the float32 file's: measured in turns, so that a busy machine slows both."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import numpy as np

from deploy.bundle.manifest import Latency
from deploy.use.lite_runtime import LiteRuntime
from deploy.use.runtimes import OnnxRuntime

CALLS = 40
LITE_SECONDS = 20.0
"""Fewer calls where one takes long: int8 files of MindSpore Lite do, on processors without int8 kernels."""


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


def lite_latency(runtime: LiteRuntime, base: OnnxRuntime, picture: np.ndarray) -> Latency:
    """Time a .ms file beside the float32 ONNX file, in turns; the picture's way into Lite's process is not counted.

    Args:
        runtime: the .ms file, with 1 thread.
        base: float32 ONNX file, with 1 thread.
        picture: input (1, C, H, W).
    """
    own: list[float] = []
    other: list[float] = []
    end = time.monotonic() + LITE_SECONDS
    while len(own) < 5 or (len(own) < CALLS and time.monotonic() < end):
        runtime(picture)
        own.append(runtime.seconds_of_last)
        start = time.perf_counter()
        base(picture)
        other.append(time.perf_counter() - start)
    lite, float32 = (1000 * median(times[3:]) for times in (own, other))
    return Latency(milliseconds=lite, float32_milliseconds=float32, ratio=lite / float32)
