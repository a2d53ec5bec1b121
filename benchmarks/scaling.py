"""Pictures per second of MobileNetV2 training by 1 and 2 processes with one thread each, and the share of all-reduce.

python benchmarks/scaling.py            # on 2 idle cores; A B A B, prints medians and their ratio
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BATCH, SIZE = 16, 224  # pictures per process and step, pixels


def measure(steps: int) -> dict[str, float]:
    """Time training steps, and the reduction of their gradients alone, in this process and its peers."""
    sys.path.insert(0, str(ROOT))
    from engine.config.runtime_section import RuntimeConfig
    from engine.runtime.environment import prepare_environment

    prepare_environment(RuntimeConfig(threads=1, platform="CPU"))
    import mindspore as ms
    import numpy as np

    from engine.config.optimizer_section import OptimizerConfig
    from engine.runtime.start import start_runtime
    from engine.step.gradient_reducer import FlatGradReducer
    from engine.step.loss import NetworkWithLoss
    from engine.step.optimizer import GroupedOptimizer
    from engine.step.train_step import TrainStep
    from kernels.swap import apply_kernels
    from netzoo import create_net

    runtime = start_runtime(RuntimeConfig(threads=1, platform="CPU"), seed=0)
    network = create_net("mobilenetv2", num_classes=26)
    library = apply_kernels(network).library
    parameters = network.trainable_params()
    optimizer = GroupedOptimizer(OptimizerConfig(), parameters, [1.0] * len(parameters), library)
    step = TrainStep(NetworkWithLoss(network, library=library), optimizer, ranks=runtime.world_size).set_train()
    image = ms.Tensor(np.random.default_rng(runtime.rank).normal(size=(BATCH, 3, SIZE, SIZE)).astype(np.float32))
    label = ms.Tensor(np.arange(BATCH, dtype=np.int32))

    def seconds(run: object) -> float:
        run()  # type: ignore[operator]  # compiles
        runtime.barrier()
        start = time.perf_counter()
        for _ in range(steps):
            run()  # type: ignore[operator]
        return (time.perf_counter() - start) / steps

    whole = seconds(lambda: step(image, label)[0].asnumpy())
    reduce = 0.0
    if runtime.world_size > 1:
        reducer = FlatGradReducer(parameters, runtime.world_size)
        gradients = tuple(ms.Tensor(np.ones(p.shape, np.float32)) for p in parameters)
        reduce = seconds(lambda: [gradient.asnumpy() for gradient in reducer(gradients)])
    return {
        "images_per_second": runtime.world_size * BATCH / whole,
        "all_reduce_share": reduce / whole,
        "gradient_bytes": float(sum(4 * p.size for p in parameters)),
    }


def run(workers: int, steps: int) -> dict[str, float]:
    """Measure in fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__]
        if workers > 1:
            command = [
                "msrun", f"--worker_num={workers}", f"--local_worker_num={workers}", "--master_port=8319",
                f"--log_dir={folder}", "--join=True", __file__,
            ]  # fmt: skip
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        subprocess.run(
            [*command, "--measure", str(steps), "--output", f"{folder}/result.json"],
            env={**os.environ, "PATH": path, "GLOG_v": "3"}, check=True, capture_output=True,
        )  # fmt: skip
        return dict(json.loads((Path(folder) / "result.json").read_text()))


def main() -> None:
    """Alternate between one and two processes and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, metavar="N", help="measure N processes once, and print it as JSON")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        result = measure(options.measure)
        if os.environ.get("RANK_ID", "0") == "0":
            options.output.write_text(json.dumps(result))
        return
    if options.workers:
        result = run(options.workers, options.steps)
        print(json.dumps({"wall": 1000 / result["images_per_second"], **result}))
        return
    results: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(options.rounds):
        for workers in (1, 2):
            results[workers].append(run(workers, options.steps))
            print(workers, results[workers][-1], flush=True)
    one, two = (statistics.median(r["images_per_second"] for r in results[workers]) for workers in (1, 2))
    share = statistics.median(r["all_reduce_share"] for r in results[2])
    print(f"1 process {one:.1f} images/s, 2 processes {two:.1f} images/s: {two / one:.2f}x")
    print(f"all-reduce of {results[2][0]['gradient_bytes'] / 1e6:.1f} MB takes {share:.1%} of a step")


if __name__ == "__main__":
    main()
