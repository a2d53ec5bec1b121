"""Jobs are small scripts in the door's place: what is tested is who notices what, and what is left over."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from launch.execution import Execution, Outcome
from launch.plan import ROOT, Plan, Process
from launch.request import JobRequest
from launch.supervisor import Supervisor, resumed

RANK = """
import json, os, pathlib, subprocess, sys, time
logs = pathlib.Path(os.environ["LAUNCH_LOG_DIR"])
(logs / "rank_0.json").write_text(json.dumps({"rank": 0, "host": "here", "pid": os.getpid()}))
"""


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]) -> Callable[..., Supervisor]:
    def run(body: str, **options: Any) -> Supervisor:
        script = tmp_path / "door.py"
        script.write_text(RANK + body)
        request = JobRequest(str(script), ("--x", "1"))
        return Supervisor(request, tmp_path / "logs", first_wait=0.01, say=said.append, **options)

    return run


def test_a_job_that_dies_is_started_again_where_it_was(
    supervise: Callable[..., Supervisor], said: list[str], tmp_path: Path
) -> None:
    body = """
if "--resume" in sys.argv:
    sys.exit(0 if sys.argv[sys.argv.index("--resume") + 1] == "/run" else 3)
(logs / "run_folder.txt").write_text("/run")
os.kill(os.getpid(), 9)
"""
    supervisor = supervise(body, max_restarts=2)

    assert supervisor.run() == 0
    assert [outcome.code for outcome in supervisor.outcomes] == [137, 0]
    assert any("rank 0 on here: killed by SIGKILL" in line for line in said)


@pytest.mark.parametrize("code", [0, 2, 143])
def test_ends_that_a_restart_cannot_mend_are_final(supervise: Callable[..., Supervisor], code: int) -> None:
    supervisor = supervise(f"sys.exit({code})", max_restarts=5)

    assert supervisor.run() == code
    assert len(supervisor.outcomes) == 1


def test_a_job_that_would_end_the_same_way_is_not_started_again(
    supervise: Callable[..., Supervisor], said: list[str]
) -> None:
    supervisor = supervise("(logs / 'final.txt').write_text('the loss is nan'); sys.exit(1)", max_restarts=5)

    assert supervisor.run() == 1
    assert len(supervisor.outcomes) == 1
    assert "not started again, it would end the same way: the loss is nan" in said


def test_a_full_disk_under_the_logs_is_named(
    supervise: Callable[..., Supervisor], said: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=4096))

    assert supervise("sys.exit(1)").run() == 1
    assert any(line.startswith(f"no space is left for logs at {tmp_path / 'logs'}") for line in said)


def test_it_gives_up_with_a_summary(supervise: Callable[..., Supervisor], said: list[str]) -> None:
    supervisor = supervise("print('the reason'); sys.exit(7)", max_restarts=2)

    assert supervisor.run() == 7
    assert "supervisor: 3 start(s), 2 restart(s)" in said
    assert "  | the reason" in said


def test_a_hang_is_noticed_by_a_heart_that_no_longer_beats(supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise("(logs / 'heartbeat').touch(); time.sleep(60)", hang_seconds=0.5)
    start = time.monotonic()

    assert supervisor.run() == 1
    assert time.monotonic() - start < 20
    assert "no step for too long" in str(supervisor.outcomes[0])


def test_a_second_job_in_the_same_folder_does_not_read_the_firsts_records(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    supervise("sys.exit(143)").run()
    supervise("sys.exit(0)").run()

    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["attempt_1", "attempt_2"]


def test_a_rank_that_gets_the_signal_twice_saves_all_the_same(tmp_path: Path) -> None:
    """A scheduler signals every process of a job, and the launcher passes its own signal on."""
    body = """
from common.door import open_door
def main(argv):
    import signal
    came = []
    signal.signal(signal.SIGTERM, lambda *_: os._exit(9) if came else came.append(1))
    print("up", flush=True)
    while not came:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(1)
    print("saved", flush=True)
    return 143
open_door(main)
"""
    script = tmp_path / "door.py"
    script.write_text(RANK + f"sys.path.insert(0, {str(ROOT)!r})\n" + body)
    job = subprocess.Popen(
        [sys.executable, "-m", "launch.job", "--door", script, "--log_dir", tmp_path / "logs", "--skip_preflight"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert job.stdout is not None
    assert job.stdout.readline() == "up\n"

    job.send_signal(signal.SIGTERM)

    assert job.stdout.readline() == "saved\n"
    assert job.wait(20) == 143


def test_orphans_are_found_and_ended(tmp_path: Path) -> None:
    body = "import subprocess; print(subprocess.Popen(['setsid', 'sleep', '60']).pid, flush=True)"
    plan = Plan((sys.executable, "-c", body), {"LAUNCH_LOG_DIR": str(tmp_path)}, (), tmp_path)

    assert Execution(plan).run().code == 0

    assert not psutil.pid_exists(int((tmp_path / "launcher.log").read_text()))


def test_the_rank_that_mpirun_blames_is_the_one_shown(tmp_path: Path) -> None:
    """Open MPI 5 breaks its message over two lines."""
    body = """
import json, os, pathlib, sys
for rank in (0, 1):
    record = {"rank": rank, "host": "here", "pid": rank + 1}
    pathlib.Path(os.environ["LAUNCH_LOG_DIR"], f"rank_{rank}.json").write_text(json.dumps(record))
print("prterun noticed that process rank 1 with PID 7883 on node vm exited on\\nsignal 9 (Killed).")
sys.exit(137)
"""
    plan = Plan((sys.executable, "-c", body), {"LAUNCH_LOG_DIR": str(tmp_path)}, (), tmp_path)

    outcome = Execution(plan).run()

    assert (outcome.rank, outcome.code) == (1, 137)


@pytest.mark.parametrize(("codes", "expected"), [((0, 0), 0), ((0, None), 139), ((0, 1), 1)])
def test_a_rank_that_dies_after_all_have_finished_fails_no_job(
    tmp_path: Path, codes: tuple[int | None, ...], expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """MindSpore's message threads now and then die while it takes leave of the job."""
    body = f"""
import json, os, pathlib, sys
for rank, code in enumerate({codes}):
    record = {{"rank": rank, "host": "here", "pid": rank + 1, "code": code, "ended": 0.0}}
    pathlib.Path(os.environ["LAUNCH_LOG_DIR"], f"rank_{{rank}}.json").write_text(json.dumps(record))
sys.exit(139)
"""
    ranks = tuple(Process(name, (), {"MS_ROLE": "MS_WORKER"}) for name in ("rank 0", "rank 1"))
    plan = Plan((sys.executable, "-c", body), {"LAUNCH_LOG_DIR": str(tmp_path)}, ranks, tmp_path)

    assert Execution(plan).run().code == expected
    assert ("every rank finished" in capsys.readouterr().out) == (expected == 0)


def test_sigterm_reaches_the_ranks_and_their_code_is_the_jobs(tmp_path: Path) -> None:
    script = tmp_path / "door.py"
    script.write_text(
        RANK + "import signal; signal.signal(15, lambda *_: sys.exit(143)); print('up', flush=True); time.sleep(60)"
    )
    job = subprocess.Popen(
        [sys.executable, "-m", "launch.job", "--door", script, "--log_dir", tmp_path / "logs", "--skip_preflight"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert job.stdout is not None
    assert job.stdout.readline() == "up\n"

    job.send_signal(signal.SIGTERM)

    assert job.wait(20) == 143


def test_resume_replaces_an_earlier_resume() -> None:
    assert resumed(["--resume", "auto", "--seed", "1"], "/r") == ("--seed", "1", "--resume", "/r")
    assert resumed(["--resume=old", "x=1"], "/r") == ("x=1", "--resume", "/r")


def test_an_outcome_reads_as_a_sentence() -> None:
    assert str(Outcome(137, 3, "node7", seconds=12.0)) == (
        "rank 3 on node7: killed by SIGKILL (exit code 137) after 12 s"
    )
