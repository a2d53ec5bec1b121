"""An epoch of LeNet5 on MNIST, input included, by this project or by plain PyTorch: one contender in this process.

    python benchmarks/run.py --only lenet_epoch --torch OTHER_ENVIRONMENT/bin/python

Ours is train.py's own loop and input with the recipe config/lenet5_mnist_modern.yaml, without evaluation; PyTorch's is
the usual one: TensorDataset of normalised pictures, DataLoader, AdamW. 54,000 pictures in batches of 64 both. The first
epoch, in which MindSpore compiles, is not counted.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
COUNTED = 2
TRAINED_ON, BATCH = 54_000, 64


class Clock:
    """Seconds an epoch, from the first end of one that it is told of to the last."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []

    def epoch_ends(self) -> None:
        """Note CPU and wall time."""
        self.ends.append((time.process_time(), time.perf_counter()))

    def result(self) -> dict[str, float]:
        """Means over the epochs between."""
        (cpu, wall), (last_cpu, last_wall) = self.ends[0], self.ends[COUNTED]
        return {"cpu": (last_cpu - cpu) / COUNTED, "wall": (last_wall - wall) / COUNTED}


def ours(mnist: Path) -> dict[str, float]:
    """Train as train.py does."""
    sys.path.insert(0, str(ROOT))
    from engine.config import parse_command_line
    from engine.runtime.environment import prepare_environment

    # One epoch more than is counted: the last one ends with an evaluation.
    flags = ["--config", str(ROOT / "config/lenet5_mnist_modern.yaml"), "--dataset_path", str(mnist)]
    flags += ["--train.epochs", str(COUNTED + 2), "--train.eval_every", str(COUNTED + 2)]
    config, _ = parse_command_line(flags, prog="lenet_epoch.py", description="")
    notes = prepare_environment(config.runtime)

    from engine.callbacks.base import RunCallback
    from engine.callbacks.stop_on_signal import StopOnSignal
    from engine.jobs.loops import make_loop
    from engine.jobs.network import build_network
    from engine.jobs.parts import make_run_schedule
    from engine.jobs.pictures import open_splits
    from engine.jobs.prepare import prepare_run
    from engine.jobs.train import Parts, fit
    from engine.run.records import EpochEnd
    from engine.run.summary import Stopwatch
    from engine.runtime.start import enter

    clock = Clock()

    class TellsClock(RunCallback):
        def on_epoch(self, epoch: EpochEnd) -> None:
            clock.epoch_ends()

    runtime = enter(config.runtime, 0, notes)
    splits = open_splits(config.data)
    run = prepare_run(
        config, splits, build_network(config.model, len(splits.train.classes)), runtime, None, Stopwatch()
    )
    signals = StopOnSignal(run.progress, runtime)
    schedule = make_run_schedule(config, run.progress)
    loop = make_loop(config, run.step, run.optimizer, run.feed.train, schedule, run.progress, runtime.device)
    parts = Parts(loop, run.feed, run.evaluator, run.progress, run.state, signals, runtime)
    fit(config, parts, [signals, TellsClock()])
    return clock.result()


def plain_torch(mnist: Path) -> dict[str, float]:
    """Train as PyTorch's own examples do."""
    import torch

    sys.path.insert(0, str(ROOT))
    from benchmarks.torch_networks import lenet5

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    pixels = np.frombuffer(gzip.decompress((mnist / "train-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((mnist / "train-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    pictures = (pixels.reshape(-1, 1, 28, 28)[:TRAINED_ON].astype(np.float32) / 255 - 0.1307) / 0.3081
    padded = np.pad(pictures, ((0, 0), (0, 0), (2, 2), (2, 2)))  # before the clock starts: ours pads in every step
    data = torch.utils.data.TensorDataset(
        torch.from_numpy(padded), torch.from_numpy(labels[:TRAINED_ON].astype(np.int64))
    )
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=True, drop_last=True)
    network, clock = lenet5(10).train(), Clock()
    optimizer = torch.optim.AdamW(network.parameters(), 0.002, weight_decay=0.01)
    for _ in range(COUNTED + 1):
        for image, label in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(image), label).backward()
            optimizer.step()
        clock.epoch_ends()
    return clock.result()


def main() -> None:
    """Measure one contender and print its times as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contender", choices=("ours", "torch"))
    parser.add_argument("mnist", type=Path, help="folder of the four idx files, .gz")
    options = parser.parse_args()
    print(json.dumps((ours if options.contender == "ours" else plain_torch)(options.mnist.resolve())))


if __name__ == "__main__":
    main()
