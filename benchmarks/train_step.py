"""The CPU time of a training step with and without the project's kernels, and of PyTorch.

    python benchmarks/train_step.py [--torch ENVIRONMENT/bin/python]

Every figure comes from a process of its own, kept to the first cores; the contenders take turns. A ratio is the median
over the rounds of one contender's time by the first's in the same round, with the smallest and the largest: on a busy
machine the times drift, and the ratio of CPU times is what holds. torch is not needed but for --torch, whose
interpreter needs torch and numpy alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
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
    """What a step is taken of: sizes in pictures and pixels."""

    network: str
    batch: int
    size: int
    frozen: bool
    optimizer: str

    def pictures(self) -> np.ndarray:
        """Float32 (batch, channels, size, size)."""
        channels = 1 if self.network == "lenet5_modern" else 3
        return np.random.default_rng(0).normal(size=(self.batch, channels, self.size, self.size)).astype(np.float32)

    def labels(self) -> np.ndarray:
        """Int32 (batch,)."""
        return np.arange(self.batch, dtype=np.int32) % CLASSES


CASES = {
    "MobileNetV2 224 px, batch 16, live BatchNorm, momentum": Case("mobilenetv2", 16, 224, False, "momentum"),
    "MobileNetV2 224 px, batch 32, live BatchNorm, momentum": Case("mobilenetv2", 32, 224, False, "momentum"),
    "MobileNetV2 192 px, batch 8, frozen BatchNorm, adamw": Case("mobilenetv2", 8, 192, True, "adamw"),
    "LeNet5 32 px, batch 64, momentum": Case("lenet5_modern", 64, 32, False, "momentum"),
}


@dataclass(frozen=True)
class Times:
    """Milliseconds a picture."""

    cpu: float
    wall: float


def timed(case: Case, step: Callable[[], float], steps: int) -> Times:
    """Take two steps that are not counted, then the counted ones."""
    step(), step()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(steps):
        step()
    pictures = steps * case.batch / 1000
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
    if kernels and (report := apply_kernels(network)).unavailable:
        raise SystemExit(str(report))
    parameters = network.trainable_params()
    optimizer = GroupedOptimizer(OptimizerConfig(name=case.optimizer), parameters, [1.0] * len(parameters))
    step = TrainStep(NetworkWithLoss(network), optimizer).set_train()
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


def measure(case: Case, contender: str, threads: int, steps: int) -> Times:
    """Measure one contender in this process."""
    sys.path.insert(0, str(ROOT))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    if contender in OURS:
        return timed(case, our_step(case, threads, contender == "kernels"), steps)
    return timed(case, torch_step(case, threads, contender == "torch channels_last"), steps)


def in_fresh_process(name: str, contender: str, options: argparse.Namespace) -> Times:
    """Measure one contender in a process of its own."""
    python = options.torch if contender in TORCH else sys.executable
    command = [python, __file__, "--one", name, contender, "--threads", str(options.threads)]
    environ = {**os.environ, "GLOG_v": "3", "OMP_NUM_THREADS": str(options.threads)}
    done = subprocess.run([*command, "--steps", str(options.steps)], env=environ, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{contender} failed:\n{done.stderr[-2000:]}")
    return Times(**json.loads(done.stdout.splitlines()[-1]))


def compare(name: str, options: argparse.Namespace) -> None:
    """Let the contenders take turns and print a row for each."""
    contenders = [*OURS, *(TORCH if options.torch else ())]
    rounds = [{c: in_fresh_process(name, c, options) for c in contenders} for _ in range(options.rounds)]
    print(f"\n{name}; {options.threads} thread(s), {options.rounds} rounds of {options.steps} steps")
    print(f"{'':22}  CPU ms a picture   CPU time by that of {OURS[0]}   wall time by theirs")
    for contender in contenders:
        cpu = [times[contender].cpu for times in rounds]
        ratios = [
            [getattr(times[contender], kind) / getattr(times[OURS[0]], kind) for times in rounds]
            for kind in ("cpu", "wall")
        ]
        spans = [f"{statistics.median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for r in ratios]
        print(f"{contender:22}  {statistics.median(cpu):16.2f}   {spans[0]:42}   {spans[1]}", flush=True)


def main() -> None:
    """Compare in every case, or in those that --case names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", metavar="PYTHON", help="interpreter of an environment that has torch")
    parser.add_argument("--case", default="", metavar="TEXT", help="only cases whose name contains this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, contender = options.one
        print(json.dumps(asdict(measure(CASES[name], contender, options.threads, options.steps))))
        return
    for name in CASES:
        if options.case in name:
            compare(name, options)


if __name__ == "__main__":
    main()
