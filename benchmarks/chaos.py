"""Kill processes of a job at random moments of training; it must end with the weights of an undisturbed run.

python benchmarks/chaos.py --kills 20        # LeNet5 on digits, 2 ranks; 5 to 10 minutes on 2 idle cores

Ranks, MindSpore's scheduler, msrun and the launcher are killed in turn (kill -9). The launcher starts the job again,
unless it was the victim: then it is started again here. A job that ends before the last kill is followed by another.
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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from common.launcher_protocol import FOLDER_VARIABLE, heartbeat_file, read_ranks, read_scheduler  # noqa: E402
from common.lifetime import process_name  # noqa: E402

VICTIMS = ("rank 0", "launcher", "scheduler", "rank 1", "msrun")
PATIENCE = 120.0  # seconds that a job may take to come up


@dataclass(frozen=True)
class Kill:
    """One line of the table."""

    victim: str
    job: int
    after: float
    """seconds from the first step of this start"""
    noticed: float
    """seconds until every process of this start was gone"""


@dataclass
class Job:
    """One training run in a folder of its own, with as many launchers as it takes."""

    folder: Path
    epochs: int
    launchers: int = 0

    def start(self) -> subprocess.Popen[bytes]:
        """Start a launcher; it goes on where the one before was killed."""
        self.launchers += 1
        command = [
            "bash", "launch/run_distribute_cpu.sh", "--workers", "2", "--max_restarts", "100",
            "--log_dir", str(self.folder / f"logs_{self.launchers}"), "--config", "config/lenet5_digits.yaml",
            "--output_dir", str(self.folder), "--name", "run", "--data.batch_size", "16",
            "--train.epochs", str(self.epochs), "--model", "{name: lenet5_improved, dropout: 0.3}",
            "--train.bn_sync", "average", "--train.early_stopping.enabled", "false", "--resume", "auto",
        ]  # fmt: skip
        with (self.folder / "output.txt").open("a") as output:
            return subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, "PYTHON": sys.executable}, stdout=output, stderr=subprocess.STDOUT
            )

    def attempt(self) -> Path | None:
        """The log folder of the newest start."""
        attempts = (self.folder / f"logs_{self.launchers}").glob("attempt_*")
        return max(attempts, key=lambda path: int(path.name.rpartition("_")[2]), default=None)

    def starts(self) -> int:
        """How often the ranks were started."""
        return len(list(self.folder.glob("logs_*/attempt_*")))


def processes_of(folder: Path) -> Iterator[psutil.Process]:
    """What launchers have started with log folders in this one."""
    for process in psutil.process_iter():
        try:
            if Path(process.environ().get(FOLDER_VARIABLE, "/")).is_relative_to(folder):
                yield process
        except psutil.Error:
            continue


def pid_of(victim: str, attempt: Path, launcher: int) -> int | None:
    """The process that plays a part, if it lives."""
    if victim == "launcher":
        return launcher
    if victim == "msrun":
        return next((process.pid for process in processes_of(attempt) if "--join=True" in process.cmdline()), None)
    scheduler = read_scheduler(attempt)
    ranks = [scheduler] if victim == "scheduler" else [r for r in read_ranks(attempt) if f"rank {r.rank}" == victim]
    return next((r.pid for r in ranks if r is not None and r.code is None and process_name(r.pid)), None)


def trains(job: Job, launcher: subprocess.Popen[bytes]) -> Path | None:
    """Wait until a start has made a step; None if the job has ended."""
    clock = time.monotonic()
    while launcher.poll() is None:
        attempt = job.attempt()
        if attempt is not None and heartbeat_file(attempt).exists() and pid_of("rank 1", attempt, launcher.pid):
            return attempt
        if time.monotonic() - clock > PATIENCE:
            raise SystemExit(f"no step within {PATIENCE:.0f} s: {(job.folder / 'output.txt').read_text()[-2000:]}")
        time.sleep(0.05)
    return None


def disturb(job: Job, number: int, kills: list[Kill], wanted: int, rng: random.Random) -> int:
    """Kill until it has been done often enough or the job has ended; return the job's exit code."""
    launcher = job.start()
    while len(kills) < wanted and (attempt := trains(job, launcher)) is not None:
        first_step = time.monotonic()
        time.sleep(rng.uniform(0, 4))
        victim = VICTIMS[len(kills) % len(VICTIMS)]
        pid = pid_of(victim, attempt, launcher.pid) if launcher.poll() is None else None
        if pid is None:  # the job has ended in the meantime
            continue
        os.kill(pid, signal.SIGKILL)
        clock = time.monotonic()
        while any(processes_of(attempt)):
            time.sleep(0.05)
        kills.append(Kill(victim, number, clock - first_step, time.monotonic() - clock))
        print(row(len(kills), kills[-1]), flush=True)
        if victim == "launcher":
            launcher.wait()
            launcher = job.start()
    return launcher.wait()


def row(count: int, kill: Kill) -> str:
    """One line of the table."""
    return f"| {count} | {kill.victim} | {kill.job} | {kill.after:.1f} | {kill.noticed:.1f} |"


def largest_difference(a: Path, b: Path) -> float:
    """Largest difference between the last checkpoints of two runs."""
    import mindspore as ms
    import numpy as np

    left, right = (ms.load_checkpoint(str((folder / "run-seed0/checkpoints/last.ckpt").resolve())) for folder in (a, b))
    if left.keys() != right.keys():
        raise ValueError("the runs have different parameters")
    return max(float(np.abs(left[name].asnumpy() - right[name].asnumpy()).max()) for name in left)


def main() -> None:
    """Run the job undisturbed, then disturbed, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    clock, rng, kills = time.monotonic(), random.Random(options.seed), list[Kill]()
    with tempfile.TemporaryDirectory() as name:
        calm = Job(Path(name) / "calm", options.epochs)
        calm.folder.mkdir()
        if calm.start().wait():
            raise SystemExit((calm.folder / "output.txt").read_text())
        print(f"undisturbed: {time.monotonic() - clock:.0f} s\n", flush=True)
        print("| kill | victim | job | seconds after the first step | seconds until nothing was left |")
        print("|---|---|---|---|---|")
        results: list[tuple[int, float]] = []
        while len(kills) < options.kills:
            job = Job(Path(name) / f"wild_{len(results) + 1}", options.epochs)
            job.folder.mkdir()
            code = disturb(job, len(results) + 1, kills, options.kills, rng)
            if code:
                raise SystemExit((job.folder / "output.txt").read_text()[-5000:])
            results.append((job.starts(), largest_difference(calm.folder, job.folder)))
        left = len(list(processes_of(Path(name))))
    for number, (starts, difference) in enumerate(results, start=1):
        print(f"job {number}: {starts} starts, exit code 0, largest difference of a weight {difference}")
    print(f"{len(kills)} kills, {left} processes left, {time.monotonic() - clock:.0f} s in all")
    if left or any(difference for _, difference in results):
        raise SystemExit("not what it should be")


if __name__ == "__main__":
    main()
