"""All-reduces and training steps of 2 to 4 CPU ranks on a slowed network, beside what `cluster_model.py` says of them.

python benchmarks/network_delay.py      # as root on Linux (network namespaces, TAP devices, `tc tbf`); some minutes

Each rank is a host of its own: a network namespace on a switch that holds every frame for a while. Inside one job the
network is slowed in turn, every setting several times, so that a busy machine disturbs all of them alike. What a
setting adds to the untouched network's median is compared with the model's.

MindSpore's collectives on a CPU (2.10) answer every message with one of the same length and wait for it, so that a
ring takes twice its bytes and twice its delays; the bytes that a host sent show the first, the times both.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.cluster_model import ring_bytes, ring_seconds  # noqa: E402
from benchmarks.slow_switch import hardware_address, open_tap, switch_frames  # noqa: E402
from netzoo import create_net  # noqa: E402


@dataclass(frozen=True)
class Network:
    """How it is slowed.

    Args:
        delay: seconds that a frame is on its way longer.
        rate: bytes a second that a host may send; None is as fast as the machine.
    """

    delay: float = 0.0
    rate: float | None = None

    def added_seconds(self, size: float, ranks: int) -> float:
        """What a ring all-reduce with answers takes longer than on the untouched network, by the model."""
        return ANSWERED * ring_seconds(size, ranks, self.rate or float("inf"), self.delay)

    def __str__(self) -> str:
        return f"{self.rate * 8 / 1e6:g} Mbit/s" if self.rate else f"{self.delay * 1e3:g} ms later"


ANSWERED = 2  # messages for each of the ring's


@dataclass(frozen=True)
class Case:
    """What is timed: an all-reduce of so many bytes, or a training step of a network whose gradients have so many."""

    size: int
    network: Network
    step_of: str | None = None

    def __str__(self) -> str:
        return f"step of {self.step_of}" if self.step_of else "all-reduce"


# Delays with few bytes, where TCP's windows play no part; a rate with the gradients of MobileNetV2 with 26 classes; a
# step of LeNet5 with 61,706 parameters.
CASES = (
    Case(16_384, Network(delay=0.020)),
    Case(16_384, Network(delay=0.080)),
    Case(9_028_712, Network(rate=12.5e6)),
    Case(4 * 61_706, Network(delay=0.080), "lenet5_modern"),
)


@dataclass(frozen=True)
class Sample:
    """Median seconds of some all-reduces, and mean bytes that this host sent for each."""

    seconds: float
    sent: float


def measure(rounds: int, control: Path) -> list[list[Sample]]:
    """Time the all-reduces in this rank and its peers.

    Returns:
        For every case, without and with its network in turn: a sample of each round.
    """
    from engine.config.runtime_section import RuntimeConfig
    from engine.runtime.environment import prepare_environment

    prepare_environment(RuntimeConfig(threads=1, platform="CPU"))
    import psutil

    from engine.runtime.start import start_runtime

    runtime = start_runtime(RuntimeConfig(threads=1, platform="CPU"), seed=0)
    calls = {case: _call(case, runtime.world_size) for case in CASES}

    def sample(case: Case) -> Sample:
        calls[case]()  # compiles, opens the windows of TCP
        times, before = [], psutil.net_io_counters(pernic=True)["eth0"].bytes_sent
        for _ in range(5):
            runtime.barrier()
            start = time.perf_counter()
            calls[case]()
            times.append(time.perf_counter() - start)
        sent = psutil.net_io_counters(pernic=True)["eth0"].bytes_sent - before
        return Sample(statistics.median(times), sent / len(times))

    results: list[list[Sample]] = [[] for _ in range(2 * len(CASES))]
    for _ in range(rounds):
        for number, case in enumerate(CASES):
            for slowed, setting in enumerate((Network(), case.network)):
                runtime.barrier()
                _slow(setting, control if runtime.is_main else None)
                results[2 * number + slowed].append(sample(case))
    return results


def _call(case: Case, ranks: int) -> Callable[[], object]:
    """Make what is timed; it has ended when the call returns."""
    import mindspore as ms
    import numpy as np

    from engine.config.optimizer_section import OptimizerConfig
    from engine.step.gradient_reducer import FlatGradReducer
    from engine.step.loss import NetworkWithLoss
    from engine.step.optimizer import GroupedOptimizer
    from engine.step.train_step import TrainStep

    if case.step_of is None:
        gradients = (ms.Tensor(np.ones(case.size // 4, np.float32)),)
        reducer = FlatGradReducer([ms.Parameter(gradients[0])], ranks)
        return lambda: reducer(gradients)[0].asnumpy()
    network = create_net(case.step_of, num_classes=10)
    weights = network.trainable_params()
    optimizer = GroupedOptimizer(OptimizerConfig(), weights, [1.0] * len(weights))
    step = TrainStep(NetworkWithLoss(network), optimizer, ranks=ranks).set_train()
    image, label = ms.Tensor(np.zeros((16, 1, 32, 32), np.float32)), ms.Tensor(np.zeros(16, np.int32))
    return lambda: (step(image, label)[0].asnumpy(), weights[0].asnumpy())


def _slow(network: Network, control: Path | None) -> None:
    """Set the rate of this host, and on one of them the delay of the switch."""
    rate = (
        ["tbf", "rate", f"{network.rate * 8:.0f}bit", "burst", "128kb", "limit", "50mb"]
        if network.rate
        else ["pfifo", "limit", "10000"]
    )
    subprocess.run(["tc", "qdisc", "replace", "dev", "eth0", "root", *rate], check=True)
    if control is not None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as messages:
            messages.sendto(str(network.delay).encode(), str(control))


def run(ranks: int, rounds: int, output: Path) -> int:
    """Start a job whose ranks are hosts of their own; in a network namespace that holds nothing else.

    Returns:
        The exit code of rank 0.
    """
    folder = output.parent
    taps = [open_tap(f"host{host}") for host in range(ranks)]
    threading.Thread(target=switch_frames, args=(taps, folder / "control"), daemon=True).start()
    hosts = [_start_host(host, ranks, rounds, output) for host in range(ranks)]
    for host, process in enumerate(hosts):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()  # it has a network of its own now
        subprocess.run(["ip", "link", "set", f"host{host}", "netns", str(process.pid)], check=True)
        process.stdin.write("go\n")
        process.stdin.flush()
    codes = [process.wait() for process in hosts]
    return codes[0]


def _start_host(host: int, ranks: int, rounds: int, output: Path) -> subprocess.Popen[str]:
    script = f"""
        set -euo pipefail
        echo here; read -r _
        ip link set lo up
        ip link set host{host} name eth0 address {hardware_address(host)} mtu 60000 up
        ip addr add 10.9.0.{host + 1}/24 dev eth0
        exec msrun --worker_num={ranks} --local_worker_num=1 --node_rank={host} --master_addr=10.9.0.1 \\
            --master_port=8329 --log_dir="$0" --join=True "$1" --measure --rounds={rounds} --output="$2"
    """
    words = ["unshare", "--net", "bash", "-c", script, str(output.parent / f"host{host}"), __file__, str(output)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def run_apart(ranks: int, rounds: int) -> list[list[Sample]]:
    """Run a job in namespaces that end with it, and return what rank 0 measured."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "result.json"
        words = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, __file__]
        words += ["--inside", "--ranks", str(ranks), "--rounds", str(rounds), "--output", str(output)]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environ = {**os.environ, "PATH": path, "GLOG_v": "3"}
        done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
        if not output.is_file():
            logs = "".join(log.read_text(errors="replace")[-2000:] for log in Path(folder).rglob("worker_*.log"))
            sys.exit(f"{ranks} ranks: the job failed ({done.returncode})\n{done.stderr}{logs}")
        return [[Sample(**sample) for sample in samples] for samples in json.loads(output.read_text())]


def main() -> None:
    """Measure jobs of several sizes and compare them with the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 3, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        sys.exit(run(options.ranks[0], options.rounds, options.output))
    if options.measure:
        results = measure(options.rounds, options.output.parent / "control")
        if os.environ.get("RANK_ID", "0") == "0":
            options.output.write_text(json.dumps([[asdict(sample) for sample in samples] for samples in results]))
        return
    if os.geteuid():
        sys.exit(
            'network namespaces and TAP devices need root: sudo env PATH="$PATH" python benchmarks/network_delay.py'
        )
    print("| ranks | timed | bytes | network | sent / ring | untouched | slowed | added | model | added / model |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for ranks in options.ranks:
        results = run_apart(ranks, options.rounds)
        for number, case in enumerate(CASES):
            plain, slowed = results[2 * number : 2 * number + 2]
            sent = statistics.median(sample.sent for sample in slowed) / ring_bytes(case.size, ranks)
            without, with_it = (statistics.median(s.seconds for s in samples) for samples in (plain, slowed))
            added, model = with_it - without, case.network.added_seconds(case.size, ranks)
            times = " | ".join(f"{1e3 * seconds:.0f} ms" for seconds in (without, with_it, added, model))
            row = f"| {ranks} | {case} | {case.size:,} | {case.network} | {sent:.2f} | {times} | {added / model:.2f} |"
            print(row, flush=True)


if __name__ == "__main__":
    main()
