"""Milliseconds a picture of MobileNetV2 1.0/224 at inference: one contender in this process.

    python benchmarks/run.py --only features predict_latency --torch OTHER_ENVIRONMENT/bin/python

Weights and pictures are random numbers: their values do not matter for the time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PICTURES = 256

Network = Callable[[np.ndarray], object]
"""Takes pictures float32 (B, 3, 224, 224) and returns when it has computed."""


def ours(backend: str, threads: int) -> Network:
    """The frozen backbone as the feature cache computes it, by onnxruntime or by MindSpore."""
    from engine.config.runtime_section import RuntimeConfig
    from engine.runtime.environment import prepare_environment

    runtime = RuntimeConfig(threads=threads, platform="CPU")
    prepare_environment(runtime)
    from engine.jobs.feature_extractor import FeatureExtractor
    from engine.runtime.start import start_runtime
    from netzoo import create_net
    from netzoo.classifier import Classifier

    start_runtime(runtime, seed=0)
    network = create_net("mobilenetv2", num_classes=26)
    assert isinstance(network, Classifier)
    return FeatureExtractor(network.pooled_backbone, backend, threads)


def by_torch(threads: int) -> Network:
    """The same network in PyTorch, channels_last."""
    import torch

    from benchmarks.torch_networks import mobilenetv2

    torch.set_num_threads(threads)
    network = mobilenetv2(26).eval().to(memory_format=torch.channels_last)

    def compute(pictures: np.ndarray) -> object:
        with torch.inference_mode():
            return network(torch.from_numpy(pictures).to(memory_format=torch.channels_last))

    return compute


def main() -> None:
    """Measure one contender and print its times as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contender", choices=("ours", "mindspore", "torch"))
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    if options.contender == "torch":
        network = by_torch(threads)
    else:
        network = ours("onnxruntime" if options.contender == "ours" else "mindspore", threads)
    pictures = np.random.default_rng(0).normal(size=(options.batch, 3, 224, 224)).astype(np.float32)
    network(pictures), network(pictures)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(PICTURES // options.batch):
        network(pictures)
    per_picture = 1000 / (PICTURES // options.batch * options.batch)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(json.dumps({"cpu": cpu * per_picture, "wall": wall * per_picture}))


if __name__ == "__main__":
    main()
