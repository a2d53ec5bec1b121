"""Several ranks: starting them, finding their processes and ending them."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil

from common.launcher_protocol import read_ranks
from tests.integration.jobs import DIGITS, FAST, ROOT, environment, finish

# One process, and several ranks with the same global batch.
LENET = (*FAST, "--train.epochs", "2", "--train.ema_warmup", "true", "--data.batch_size", "32")
TWO = (*FAST, "--train.epochs", "2", "--train.ema_warmup", "true", "--data.batch_size", "16")
# BatchNorm and dropout; three blocks on 32-pixel pictures.
MOBILENET = (
    "--model", "{name: mobilenetv2, width_mult: 0.25, last_channel: 64, "
    "inverted_residual_setting: [[1, 16, 1, 1], [6, 24, 1, 2], [6, 32, 1, 2]]}",
    "--data.preprocessing", "{color: rgb, resize: 32, image_size: 32}", "--train.bn_sync", "average",
)  # fmt: skip


def launch(script: str, log_dir: Path, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = ["bash", f"launch/{script}", "--log_dir", str(log_dir), *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )


def leftovers(log_dir: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("LAUNCH_LOG_DIR", "").startswith(str(log_dir)):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def live_ranks(log_dir: Path) -> dict[int, int]:
    """Pids of the newest attempt's ranks."""
    attempts = sorted(log_dir.glob("attempt_*"), key=lambda path: int(path.name.rpartition("_")[2]))
    ranks = read_ranks(attempts[-1]) if attempts else []
    return {record.rank: record.pid for record in ranks if record.code is None and psutil.pid_exists(record.pid)}


def kill_rank(log_dir: Path, rank: int, number: int = signal.SIGKILL) -> None:
    os.kill(live_ranks(log_dir)[rank], number)


def two_by_msrun(folder: Path, *network: str) -> tuple[Path, str]:
    """Train on two ranks; returns the run and what the launcher printed."""
    output = finish(
        launch("run_distribute_cpu.sh", folder / "logs", "--workers", "2", "--config", DIGITS, *TWO, *network,
               "--output_dir", folder, "--name", "run")
    )  # fmt: skip
    return folder / "run-seed0", output
