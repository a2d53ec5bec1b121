"""The time of a training step with and without the project's kernels, or of the same step in PyTorch.

One contender in this process; benchmarks/run.py lets them take turns:

    python benchmarks/run.py --only train_step --torch OTHER_ENVIRONMENT/bin/python

PyTorch's contenders need torch and numpy alone, and OMP_NUM_THREADS says how many threads there are.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
OURS = ("MindSpore's operators", "kernels")
TORCH = ("torch eager", "torch channels_last")
CLASSES = 26
FROZEN_BATCH_NORMS = r"features\..*\.(gamma|beta)"


@dataclass(frozen=True)
class Case:
    """What a step is taken of: sizes in pictures and pixels, and how many steps are counted."""

    network: str
    batch: int
    size: int
    frozen: bool
    optimizer: str
    steps: int

    def pictures(self) -> np.ndarray:
        """Float32 (batch, channels, size, size)."""
        channels = 1 if self.network == "lenet5_modern" else 3
        return np.random.default_rng(0).normal(size=(self.batch, channels, self.size, self.size)).astype(np.float32)

    def labels(self) -> np.ndarray:
        """Int32 (batch,)."""
        return np.arange(self.batch, dtype=np.int32) % CLASSES


CASES = {
    "MobileNetV2 224 px, batch 16, live BatchNorm": Case("mobilenetv2", 16, 224, False, "momentum", 4),
    "MobileNetV2 224 px, batch 32, live BatchNorm": Case("mobilenetv2", 32, 224, False, "momentum", 3),
    "MobileNetV2 192 px, batch 16, frozen BatchNorm": Case("mobilenetv2", 16, 192, True, "adamw", 4),
    "MobileNetV2 192 px, batch 32, frozen BatchNorm": Case("mobilenetv2", 32, 192, True, "adamw", 3),
    "LeNet5 32 px, batch 64": Case("lenet5_modern", 64, 32, False, "momentum", 300),
}


@dataclass(frozen=True)
class Times:
    """Milliseconds a picture."""

    cpu: float
    wall: float


def timed(case: Case, step: Callable[[], float]) -> Times:
    """Take two steps that are not counted, then the counted ones."""
    step(), step()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(case.steps):
        step()
    pictures = case.steps * case.batch / 1000
    return Times((time.process_time() - cpu) / pictures, (time.perf_counter() - wall) / pictures)


def our_step(case: Case, threads: int, kernels: bool) -> Callable[[], float]:
    """Make train.py's step."""
    from engine.config.optimizer_section import OptimizerConfig
    from engine.config.runtime_section import RuntimeConfig
    from engine.runtime.environment import prepare_environment

    runtime = RuntimeConfig(threads=threads, platform="CPU")
    prepare_environment(runtime)
    import mindspore as ms

    from engine.runtime.start import start_runtime
    from engine.step.loss import NetworkWithLoss
    from engine.step.optimizer import GroupedOptimizer
    from engine.step.train_step import TrainStep
    from kernels.swap import apply_kernels
    from netzoo import create_net
    from netzoo.freeze import freeze

    start_runtime(runtime, seed=0)
    network = create_net(case.network, num_classes=CLASSES)
    freeze(network, "none", [FROZEN_BATCH_NORMS] if case.frozen else [])
    library = None
    if kernels:
        report = apply_kernels(network)
        if report.unavailable:
            raise SystemExit(str(report))
        library = report.library
    parameters = network.trainable_params()
    optimizer = GroupedOptimizer(OptimizerConfig(name=case.optimizer), parameters, [1.0] * len(parameters), library)
    step = TrainStep(NetworkWithLoss(network, library=library), optimizer).set_train()
    image, label = ms.Tensor(case.pictures()), ms.Tensor(case.labels())
    return lambda: float(step(image, label)[0].asnumpy())


def torch_step(case: Case, threads: int, channels_last: bool) -> Callable[[], float]:
    """Make the same step in PyTorch."""
    import torch

    from benchmarks.torch_networks import lenet5, mobilenetv2

    torch.set_num_threads(threads)
    network = (lenet5 if case.network == "lenet5_modern" else mobilenetv2)(CLASSES).train()
    if case.frozen:
        for layer in network.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.eval().requires_grad_(False)
    image = torch.from_numpy(case.pictures())
    if channels_last:
        network, image = network.to(memory_format=torch.channels_last), image.to(memory_format=torch.channels_last)
    label = torch.from_numpy(case.labels()).long()
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = (
        torch.optim.AdamW(parameters, 0.01)
        if case.optimizer == "adamw"
        else torch.optim.SGD(parameters, 0.01, momentum=0.9)
    )

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(image), label)
        loss.backward()
        optimizer.step()
        return float(loss)

    return step


def measure(case: Case, contender: str) -> Times:
    """Measure one contender in this process."""
    sys.path.insert(0, str(ROOT))
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    if contender in OURS:
        return timed(case, our_step(case, threads, contender == "kernels"))
    return timed(case, torch_step(case, threads, contender == "torch channels_last"))


def main() -> None:
    """Measure one contender in one case and print its times as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("contender", choices=(*OURS, *TORCH))
    options = parser.parse_args()
    print(json.dumps(asdict(measure(CASES[options.case], options.contender))))


if __name__ == "__main__":
    main()
