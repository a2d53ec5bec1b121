"""Who stops a launcher stops its job. Jobs are small scripts in the door's place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from launch.execution import Execution, Outcome, describe_code
from launch.plan import ROOT, Plan, Process
from launch.request import JobRequest
from launch.supervisor import Supervisor

RANK = """
import json, os, pathlib, signal, sys, time
logs = pathlib.Path(os.environ["LAUNCH_LOG_DIR"])
def note(): (logs / "rank_0.json").write_text(json.dumps({"rank": 0, "host": "here", "pid": os.getpid()}))
def hear(number, frame):
    print("rank heard", number, flush=True)
    sys.exit(128 + number)
for n in (1, 2, 15): signal.signal(n, hear)
"""


def launch(tmp_path: Path, body: str) -> subprocess.Popen[str]:
    """Start the launcher with a script for a door, as a terminal does, and wait until that says `up`."""
    script = tmp_path / "door.py"
    script.write_text(RANK + body)

    def begin() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    job = subprocess.Popen(
        [sys.executable, "-m", "launch.job", "--door", script, "--log_dir", tmp_path / "logs", "--skip_preflight"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=begin,
    )  # fmt: skip
    assert job.stdout is not None
    assert job.stdout.readline() == "up\n"
    return job


@pytest.mark.parametrize(
    ("number", "words"), [(2, "stopped by Ctrl-C"), (15, "stopped by SIGTERM"), (1, "stopped by SIGHUP")]
)
def test_a_signal_is_passed_on_as_it_came(tmp_path: Path, number: int, words: str) -> None:
    job = launch(tmp_path, "note(); print('up', flush=True); time.sleep(60)")

    job.send_signal(number)
    said, _ = job.communicate(timeout=20)

    assert job.returncode == 128 + number
    assert f"rank heard {number}\n" in said
    assert words in said
    assert len(said.splitlines()) == 2


def test_a_rank_that_is_only_starting_hears_of_it_later(tmp_path: Path) -> None:
    job = launch(tmp_path, "print('up', flush=True); time.sleep(1); note(); time.sleep(60)")

    job.send_signal(signal.SIGTERM)
    said, _ = job.communicate(timeout=20)

    assert job.returncode == 143
    assert said.count("rank heard 15") == 1


def test_a_second_signal_ends_the_job_at_once(tmp_path: Path) -> None:
    job = launch(tmp_path, "signal.signal(2, signal.SIG_IGN); note(); print('up', flush=True); time.sleep(60)")
    clock = time.monotonic()

    job.send_signal(signal.SIGINT)
    time.sleep(0.3)
    job.send_signal(signal.SIGINT)

    assert job.wait(20) == 130
    assert time.monotonic() - clock < 5


def test_a_launcher_that_is_killed_takes_a_single_process_with_it(tmp_path: Path) -> None:
    job = launch(tmp_path, "note(); print('up', flush=True); print(os.getpid(), flush=True); time.sleep(60)")
    assert job.stdout is not None
    rank = int(job.stdout.readline())

    job.kill()
    job.wait()

    deadline = time.monotonic() + 5
    while Path(f"/proc/{rank}").exists() and "Z" not in Path(f"/proc/{rank}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("closed", [">&-", "| head -1", "2>&- >&-"])
def test_a_launcher_outlives_its_reader(tmp_path: Path, closed: str) -> None:
    script = tmp_path / "door.py"
    script.write_text(
        RANK + f"for i in range(99): print('line', i, flush=True)\nopen({str(tmp_path / 'whole')!r}, 'w').close()"
    )
    command = f"{sys.executable} -m launch.job --door {script} --log_dir {tmp_path / 'logs'} --skip_preflight"

    subprocess.run(["bash", "-c", f"{command} {closed}"], cwd=ROOT, capture_output=True, timeout=20)

    assert (tmp_path / "whole").exists()


def test_a_scheduler_that_is_gone_is_to_blame(tmp_path: Path) -> None:
    body = """
import json, os, pathlib, platform, subprocess, time
logs = pathlib.Path(os.environ["LAUNCH_LOG_DIR"])
gone = subprocess.Popen(["true"]); gone.wait()
for name, rank, pid in (("rank_0", 0, os.getpid()), ("rank_1", 1, os.getpid()), ("scheduler", 0, gone.pid)):
    (logs / (name + ".json")).write_text(json.dumps({"rank": rank, "host": platform.node(), "pid": pid}))
time.sleep(60)
"""
    environment = {"LAUNCH_LOG_DIR": str(tmp_path)}
    processes = tuple(Process(name, (), {"MS_ROLE": "MS_WORKER"}) for name in ("rank 0", "rank 1"))
    clock = time.monotonic()

    outcome = Execution(Plan((sys.executable, "-c", body), environment, processes, tmp_path)).run()

    assert (outcome.code, outcome.program, outcome.rank) == (137, "scheduler", None)
    assert f"scheduler on {os.uname().nodename}: killed by SIGKILL" in str(outcome)
    assert time.monotonic() - clock < 10


def test_a_scheduler_that_lost_a_node_says_which(tmp_path: Path) -> None:
    body = """
import json, os, pathlib, platform, subprocess, time
logs = pathlib.Path(os.environ["LAUNCH_LOG_DIR"])
gone = subprocess.Popen(["true"]); gone.wait()
(logs / "scheduler.log").write_text("[ERROR] DISTRIBUTED(1) UpdateTopoState] The node: 1 is timed out.\\n" * 2)
(logs / "rank_0.json").write_text(json.dumps({"rank": 0, "host": platform.node(), "pid": os.getpid()}))
(logs / "scheduler.json").write_text(json.dumps({"rank": 0, "host": platform.node(), "pid": gone.pid, "code": 1}))
time.sleep(60)
"""
    processes = (Process("rank 0", (), {"MS_ROLE": "MS_WORKER"}),)

    outcome = Execution(
        Plan((sys.executable, "-c", body), {"LAUNCH_LOG_DIR": str(tmp_path)}, processes, tmp_path)
    ).run()

    assert str(outcome).startswith(f"scheduler on {os.uname().nodename}: exit code 1 after")
    assert outcome.tail == ("rank 1 is not heard any more: the launcher of its node says why",)


def test_a_job_that_made_steps_does_not_wait_longer_and_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four kills a day are no reason to wait; a job that does not come up is."""
    waits: list[float] = []
    monkeypatch.setattr("launch.supervisor.time", types.SimpleNamespace(sleep=waits.append))
    script = tmp_path / "door.py"
    script.write_text(RANK + "(logs / 'heartbeat').touch() if 'attempt_4' in str(logs) else None; sys.exit(1)")

    Supervisor(JobRequest(str(script)), tmp_path / "logs", max_restarts=5, say=lambda line: None).run()

    assert waits == [1, 2, 4, 1, 2]


@pytest.mark.parametrize(("code", "words"), [(130, "Ctrl-C"), (143, "SIGTERM"), (129, "SIGHUP")])
def test_stops_are_told_by_their_names(code: int, words: str) -> None:
    assert describe_code(code).startswith(f"stopped by {words}")
    assert Outcome(code).stopped


@pytest.mark.parametrize(("code", "words"), [(137, "killed by SIGKILL (exit code 137)"), (255, "exit code 255")])
def test_a_code_is_a_signals_only_where_there_is_such_a_signal(code: int, words: str) -> None:
    assert describe_code(code) == words
