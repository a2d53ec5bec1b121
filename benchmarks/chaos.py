"""Kill random ranks of a job at random moments; it must end by itself with the weights of an undisturbed run.

python benchmarks/chaos.py --kills 20        # LeNet5 on digits, 2 ranks; 10 to 20 minutes on 2 cores
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from common.launcher_protocol import RankRecord, read_ranks  # noqa: E402


def start(folder: Path, epochs: int, restarts: int) -> subprocess.Popen[bytes]:
    """Start the job through its launcher, its output in a file."""
    command = [
        "bash", "launch/run_distribute_cpu.sh", "--workers", "2", "--max_restarts", str(restarts),
        "--log_dir", str(folder / "logs"), "--config", "config/lenet5_digits.yaml", "--output_dir", str(folder),
        "--name", "run", "--data.batch_size", "16", "--train.epochs", str(epochs),
        "--model", "{name: lenet5_improved, dropout: 0.3}", "--train.bn_sync", "average",
        "--train.early_stopping.enabled", "false",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHON": sys.executable}
    with (folder / "output.txt").open("w") as output:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)


def alive(folder: Path) -> list[RankRecord]:
    """Ranks of the newest attempt that have not ended."""
    attempts = sorted(folder.glob("logs/attempt_*"), key=lambda path: int(path.name.rpartition("_")[2]))
    ranks = read_ranks(attempts[-1]) if attempts else []
    return [rank for rank in ranks if rank.code is None and _runs(rank.pid)]


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def disturb(job: subprocess.Popen[bytes], folder: Path, kills: int, rng: random.Random) -> list[int]:
    """Kill ranks until it has been done often enough or the job has ended; return which."""
    killed: list[int] = []
    while len(killed) < kills and job.poll() is None:
        ranks = alive(folder)
        if len(ranks) < 2:
            time.sleep(0.2)
            continue
        time.sleep(rng.uniform(0, 20))
        if ranks != alive(folder):  # the job has ended in the meantime
            continue
        victim = rng.choice(ranks)
        os.kill(victim.pid, signal.SIGKILL)
        killed.append(victim.rank)
        print(f"kill {len(killed)}: rank {victim.rank}", flush=True)
        while victim in alive(folder):
            time.sleep(0.1)
    return killed


def leftovers(folder: Path) -> int:
    """Count processes of the job that are still there."""
    count = 0
    for process in psutil.process_iter():
        try:
            count += process.environ().get("LAUNCH_LOG_DIR", "").startswith(str(folder))
        except psutil.Error:
            continue
    return count


def largest_difference(a: Path, b: Path) -> float:
    """Largest difference between the last checkpoints of two runs."""
    import mindspore as ms
    import numpy as np

    left, right = (ms.load_checkpoint(str((folder / "run-seed0/checkpoints/last.ckpt").resolve())) for folder in (a, b))
    if left.keys() != right.keys():
        raise ValueError("the runs have different parameters")
    return max(float(np.abs(left[name].asnumpy() - right[name].asnumpy()).max()) for name in left)


def main() -> None:
    """Run the job twice, undisturbed and disturbed, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        calm, wild = Path(name) / "calm", Path(name) / "wild"
        for folder in (calm, wild):
            folder.mkdir()
        clock = time.perf_counter()
        if start(calm, options.epochs, 0).wait():
            raise SystemExit((calm / "output.txt").read_text())
        calm_seconds, clock = time.perf_counter() - clock, time.perf_counter()
        job = start(wild, options.epochs, 10 * options.kills)
        killed = disturb(job, wild, options.kills, random.Random(options.seed))
        code, wild_seconds = job.wait(), time.perf_counter() - clock
        left = leftovers(Path(name))
        print(f"{len(killed)} kills (rank 0: {killed.count(0)}), exit code {code}, {left} processes left over")
        print(f"{calm_seconds:.0f} s undisturbed, {wild_seconds:.0f} s disturbed")
        if code:
            raise SystemExit((wild / "output.txt").read_text())
        difference = largest_difference(calm, wild)
        print(f"largest difference of a weight: {difference}")
        if difference or left or len(killed) < options.kills:
            raise SystemExit("not what it should be")


if __name__ == "__main__":
    main()
