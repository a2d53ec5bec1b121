"""Starting the doors as a user does, and looking into what they leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DIGITS = "config/lenet5_digits.yaml"
# Small steps, so that there are many moments to be interrupted at.
FAST = ("--data.batch_size", "16", "--train.log_every", "5", "--runtime.threads", "1")
# In seconds: ranks on a busy machine now and then need two minutes to find each other, whatever the launcher does.
_PATIENCE = 300


def environment(**extra: str) -> dict[str, str]:
    """The caller's environment with this interpreter's programs first on the path."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **extra}


def train(*arguments: object, launcher: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[str]:
    """Start train.py on the digits."""
    program = launcher or (sys.executable,)
    command = [*map(str, program), "train.py", "--config", DIGITS, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    """Wait for a process, check its exit code and return what it printed."""
    output, _ = process.communicate(timeout=_PATIENCE)
    assert process.returncode == code, output
    return output


def metrics(run: Path) -> list[dict[str, Any]]:
    """The whole lines of metrics.jsonl."""
    path = run / "metrics.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def wait_for_step(run: Path, step: int, process: subprocess.Popen[str]) -> None:
    """Return once the run has logged a step."""
    deadline = time.monotonic() + _PATIENCE
    while not any(line["step"] >= step for line in metrics(run)):
        assert process.poll() is None, finish(process)
        assert time.monotonic() < deadline, f"step {step} was not reached"
        time.sleep(0.02)


def interrupt(
    process: subprocess.Popen[str], run: Path, step: int, number: int = signal.SIGTERM, wait: float = 0.0
) -> None:
    """Send a signal `wait` seconds after the run has logged a step."""
    wait_for_step(run, step, process)
    time.sleep(wait)
    process.send_signal(number)


def weights(run: Path, name: str = "last") -> dict[str, np.ndarray]:
    """The tensors of a checkpoint."""
    loaded = ms.load_checkpoint(str((run / "checkpoints" / f"{name}.ckpt").resolve()))
    return {key: value.asnumpy() for key, value in loaded.items()}


def largest_difference(a: Path, b: Path, name: str = "last") -> float:
    """Largest difference between the weights of two runs."""
    left, right = weights(a, name), weights(b, name)
    assert left.keys() == right.keys()
    return max(float(np.abs(left[key] - right[key]).max()) for key in left)


def result(run: Path, split: str = "test") -> dict[str, Any]:
    """eval_<split>.json without what depends on the file or the clock."""
    values = json.loads((run / f"eval_{split}.json").read_text())
    return {key: value for key, value in values.items() if key not in ("sha256", "seconds", "loss")}
