"""A run that is stopped ends with the promised code, says so in a line or two, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from common.launcher_protocol import FOLDER_VARIABLE, read_ranks, read_scheduler
from tests.integration.jobs import DIGITS, ROOT, environment, metrics, wait_for_step

pytestmark = pytest.mark.slow

LONG = (
    "--config",
    DIGITS,
    "--train.epochs",
    "2000",
    "--train.log_every",
    "1",
    "--train.early_stopping.enabled",
    "false",
)


def start(*command: str | Path, **options: object) -> subprocess.Popen[str]:
    """Start a program as a terminal does: every signal has its usual meaning."""

    def begin() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    return subprocess.Popen(
        [str(word) for word in command], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, preexec_fn=begin, start_new_session=True,
    )  # fmt: skip


def two_ranks(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a job that does not end by itself."""
    return start("bash", "launch/run_distribute_cpu.sh", "--workers", "2", "--log_dir", folder / "logs", *LONG,
                 "--data.batch_size", "16", "--output_dir", folder, "--name", "run", *arguments)  # fmt: skip


def processes_of(folder: Path) -> Iterator[psutil.Process]:
    """Everything that the launcher has started, msrun and the scheduler too."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(FOLDER_VARIABLE, "").startswith(str(folder)):
                yield process
        except psutil.Error:
            continue


def seconds_until_gone(folder: Path, patience: float = 30) -> float:
    clock = time.monotonic()
    while left := list(processes_of(folder)):
        assert time.monotonic() - clock < patience, left
        time.sleep(0.1)
    return time.monotonic() - clock


def state(run: Path) -> str | None:
    """What status.json says, if there is a run."""
    return str(json.loads((run / "status.json").read_text())["state"]) if run.exists() else None


def wait_for_door(pid: int, number: int) -> None:
    """Wait until Python has started and the door is open: it blocks the signal, to answer it in its own way."""
    while not int(Path(f"/proc/{pid}/status").read_text().split("SigBlk:")[1].split()[0], 16) >> number - 1 & 1:
        time.sleep(0.001)


# In seconds after the door has opened; imports of the recipe, of MindSpore, compilation, and training.
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_at_every_moment(tmp_path: Path, number: signal.Signals) -> None:
    for index, moment in enumerate((0.0, 0.5, 1.3, 2.0, 3.0, 5.0)):
        run = start(sys.executable, "train.py", *LONG, "--output_dir", tmp_path, "--name", str(index))
        wait_for_door(run.pid, number)
        time.sleep(moment)
        run.send_signal(number)
        said, _ = run.communicate(timeout=20)

        assert run.returncode == 128 + number, said
        assert said.splitlines()[-1].startswith(
            "stopped by Ctrl-C" if number == signal.SIGINT else "stopped by SIGTERM"
        )
        assert "Traceback" not in said
        assert "Fatal" not in said
        assert state(tmp_path / f"{index}-seed0") in (None, "stopped")


def test_ctrl_c_in_a_launchers_terminal_stops_the_ranks_in_good_order(tmp_path: Path) -> None:
    job = two_ranks(tmp_path)
    wait_for_step(tmp_path / "run-seed0", 3, job)

    os.killpg(job.pid, signal.SIGINT)  # as a terminal does
    said, _ = job.communicate(timeout=30)

    assert job.returncode == 130, said
    after = said[said.index("stopped by Ctrl-C") :].splitlines()
    assert len(after) == 2
    assert "after step" in after[0]
    assert state(tmp_path / "run-seed0") == "stopped"
    assert list((tmp_path / "run-seed0" / "checkpoints").glob("*.state"))
    assert seconds_until_gone(tmp_path) < 1


@pytest.mark.parametrize("node", ["0", "1"])
def test_a_node_that_waits_for_the_others_can_be_stopped(node: str, tmp_path: Path) -> None:
    """MindSpore keeps the interpreter until all ranks have met, or ten minutes are over."""
    job = two_ranks(tmp_path, "--nodes", "2", "--node_rank", node, "--master_addr", "127.0.0.2", "--master_port",
                    "8981", "--skip_preflight")  # fmt: skip
    logs = tmp_path / "logs" / f"node{node}" / "attempt_1"
    while len(read_ranks(logs)) < 2:
        assert job.poll() is None
        time.sleep(0.1)
    time.sleep(5)  # into MindSpore, or on the way there: both have to end

    job.send_signal(signal.SIGTERM)
    said, _ = job.communicate(timeout=60)

    assert job.returncode == 143, said
    assert seconds_until_gone(tmp_path) < 1


@pytest.mark.parametrize("processes", [2, 4], ids=["scheduler", "ranks"])
def test_a_launcher_that_is_killed_early_takes_everything_with_it(tmp_path: Path, processes: int) -> None:
    """When only so many processes have been started; one that is killed in training is in test_distributed.py."""
    job = two_ranks(tmp_path)
    while len(list(processes_of(tmp_path))) < processes:
        assert job.poll() is None

    job.kill()
    job.communicate()

    assert seconds_until_gone(tmp_path) < 5


def test_a_scheduler_that_is_killed_is_noticed_at_once(tmp_path: Path) -> None:
    job = two_ranks(tmp_path, "--max_restarts", "1")
    run = tmp_path / "run-seed0"
    wait_for_step(run, 3, job)
    scheduler = read_scheduler(tmp_path / "logs" / "attempt_1")
    assert scheduler is not None

    os.kill(scheduler.pid, signal.SIGKILL)
    clock = time.monotonic()
    while not read_ranks(tmp_path / "logs" / "attempt_2"):
        assert time.monotonic() - clock < 15
        time.sleep(0.1)
    os.killpg(job.pid, signal.SIGTERM)
    said, _ = job.communicate(timeout=60)

    assert "scheduler on " in said
    assert "killed by SIGKILL" in said
    assert job.returncode == 143, said
    assert metrics(run)
    assert seconds_until_gone(tmp_path) < 1
