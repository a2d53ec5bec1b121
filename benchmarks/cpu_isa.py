"""What ONEDNN_MAX_CPU_ISA=AVX2, which train.py sets on AVX-512 processors, does to a training step.

python benchmarks/cpu_isa.py            # A B A B in fresh processes, prints medians and their ratio
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path


def measure(steps: int) -> float:
    """Milliseconds per picture of MobileNetV2 1.0/224 training steps at batch 16, in this process."""
    import mindspore as ms
    import numpy as np
    from mindspore import nn

    from netzoo import create_net

    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_device("CPU")
    network = create_net("mobilenetv2", num_classes=26)
    loss = nn.WithLossCell(network, nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean"))
    step = nn.TrainOneStepCell(loss, nn.Momentum(network.trainable_params(), 0.01, 0.9)).set_train()
    image = ms.Tensor(np.random.default_rng(0).normal(size=(16, 3, 224, 224)).astype(np.float32))
    label = ms.Tensor(np.arange(16, dtype=np.int32))
    step(image, label).asnumpy()
    start = time.perf_counter()
    for _ in range(steps):
        step(image, label).asnumpy()
    return (time.perf_counter() - start) / steps / 16 * 1000


def main() -> None:
    """Alternate between the two settings and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(measure(options.steps))
        return
    root = Path(__file__).resolve().parents[1]
    plain = {k: v for k, v in os.environ.items() if k != "ONEDNN_MAX_CPU_ISA"}
    plain |= {"GLOG_v": "3", "PYTHONPATH": str(root)}
    command = [sys.executable, __file__, "--one", "--steps", str(options.steps)]
    times: dict[str, list[float]] = {"MindSpore's choice": [], "AVX2": []}
    for _ in range(options.rounds):
        for name, extra in (("MindSpore's choice", {}), ("AVX2", {"ONEDNN_MAX_CPU_ISA": "AVX2"})):
            done = subprocess.run(command, env={**plain, **extra}, capture_output=True, text=True, check=True)
            times[name].append(float(done.stdout.split()[-1]))
            print(f"{name:18}  {times[name][-1]:8.1f} ms per picture", flush=True)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"ratio of the medians: {medians['MindSpore' + chr(39) + 's choice'] / medians['AVX2']:.2f}")


if __name__ == "__main__":
    main()
