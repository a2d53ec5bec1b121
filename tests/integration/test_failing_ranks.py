"""A job whose ranks die, hang or disagree ends as if none had, or with a clear error, and leaves nothing behind."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from common.launcher_protocol import read_ranks
from tests.integration.jobs import (
    DIGITS,
    ROOT,
    environment,
    finish,
    interrupt,
    largest_difference,
    metrics,
    wait_for_step,
)
from tests.integration.ranks import LENET, MOBILENET, TWO, kill_rank, launch, leftovers

pytestmark = pytest.mark.slow


def test_ranks_that_are_killed_change_nothing_but_the_time(tmp_path: Path, two_processes: tuple[Path, str]) -> None:
    job = launch(
        "run_distribute_cpu.sh", tmp_path / "logs", "--workers", "2", "--max_restarts", "5", "--config", DIGITS, *TWO,
        "--output_dir", tmp_path, "--name", "run",
    )  # fmt: skip
    run = tmp_path / "run-seed0"
    rng = random.Random(1)
    for step in (20, 55):
        wait_for_step(run, step, job)
        kill_rank(tmp_path / "logs", rng.randrange(2))
        time.sleep(1)

    output = finish(job)

    assert "killed by SIGKILL (exit code 137)" in output
    assert "supervisor: 3 start(s), 2 restart(s)" in output
    assert largest_difference(two_processes[0], run) == 0.0
    assert leftovers(tmp_path) == []


def test_sigterm_at_random_moments_changes_nothing_in_a_mobilenet_on_two_ranks(
    tmp_path: Path, two_mobilenets: tuple[Path, str]
) -> None:
    """Dropout, and BatchNorm whose statistics differ between the ranks inside an epoch."""

    def start(logs: str) -> subprocess.Popen[str]:
        return launch(
            "run_distribute_cpu.sh", tmp_path / logs, "--workers", "2", "--config", DIGITS, *TWO, *MOBILENET,
            "--output_dir", tmp_path, "--name", "run", "--resume", "auto",
        )  # fmt: skip

    rng = random.Random()  # another moment in every run of this test
    run = tmp_path / "run-seed0"
    steps = [rng.randint(1, 39), rng.randint(41, 79)]
    print("SIGTERM at steps", steps)
    for step in steps:
        job = start(f"before_{step}")
        interrupt(job, run, step, wait=rng.uniform(0, 0.1))
        assert "stopped by SIGTERM after step" in finish(job, 143)
    finish(start("last"))

    assert largest_difference(two_mobilenets[0], run) == 0.0
    assert leftovers(tmp_path) == []


def test_a_loss_that_is_not_finite_is_not_tried_again(tmp_path: Path) -> None:
    output = finish(
        launch("run_distribute_cpu.sh", tmp_path / "logs", "--workers", "2", "--max_restarts", "3", "--config", DIGITS,
               *TWO, "--optimizer.lr", "1e30", "--output_dir", tmp_path, "--name", "run"),
        1,
    )  # fmt: skip

    assert "not started again, it would end the same way: the loss is" in output
    assert "supervisor: 1 start(s), 0 restart(s)" in output


def test_a_master_that_cannot_be_reached_ends_the_job_in_time(tmp_path: Path) -> None:
    start = time.monotonic()

    output = finish(
        launch("run_distribute_cpu.sh", tmp_path / "logs", "--workers", "1", "--nodes", "2", "--node_rank", "1",
               "--master_addr", "127.0.0.2", "--master_port", "8977", "--cluster_timeout", "10", "--skip_preflight",
               "--config", DIGITS, *TWO, "--output_dir", tmp_path),
        1,
    )  # fmt: skip

    assert "could not join the job at 127.0.0.2:8977" in output
    assert time.monotonic() - start < 90
    assert leftovers(tmp_path) == []


def test_a_job_that_hangs_is_ended_and_started_again(tmp_path: Path) -> None:
    job = launch(
        "run_standalone.sh", tmp_path / "logs", "--max_restarts", "1", "--hang_seconds", "5", "--config", DIGITS,
        *LENET, "--output_dir", tmp_path, "--name", "run",
    )  # fmt: skip
    wait_for_step(tmp_path / "run-seed0", 20, job)
    kill_rank(tmp_path / "logs", 0, signal.SIGSTOP)

    output = finish(job)

    assert "no step for too long" in output
    assert max(m["epoch"] for m in metrics(tmp_path / "run-seed0")) == 2


def test_killing_the_launcher_leaves_no_rank(tmp_path: Path) -> None:
    job = launch(
        "run_distribute_cpu.sh", tmp_path / "logs", "--workers", "2", "--config", DIGITS, *TWO,
        "--output_dir", tmp_path, "--name", "run", "--train.epochs", "2000",
    )  # fmt: skip
    wait_for_step(tmp_path / "run-seed0", 5, job)

    job.kill()
    job.wait()

    deadline = time.monotonic() + 5
    while leftovers(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert leftovers(tmp_path) == []


def test_a_rank_with_other_data_ends_the_job_with_a_clear_error(tmp_path: Path) -> None:
    # Each rank reads the folder that a link named after its rank leads to.
    script = tmp_path / "train_elsewhere.py"
    script.write_text(
        "import os, runpy, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "sys.argv += ['--data.val_fraction', '0.1' if os.environ.get('RANK_ID') == '0' else '0.2']\n"
        f"runpy.run_path({str(ROOT / 'train.py')!r}, run_name='__main__')\n"
    )
    command = (
        "msrun", "--worker_num=2", "--local_worker_num=2", "--master_port=8233", f"--log_dir={tmp_path}", "--join=True",
        str(script), "--config", DIGITS, "--output_dir", str(tmp_path / "runs"),
    )  # fmt: skip
    job = subprocess.run(
        command, cwd=ROOT, env=environment(LAUNCH_LOG_DIR=str(tmp_path)), capture_output=True, text=True, timeout=120
    )

    assert job.returncode != 0
    for rank in (0, 1):
        assert "recipe of rank 1 is not the main rank's" in (tmp_path / f"worker_{rank}.log").read_text()
    assert {record.code for record in read_ranks(tmp_path)} == {2}


def test_nodes_that_count_differently_end_with_a_clear_error(tmp_path: Path) -> None:
    jobs = [
        launch("run_distribute_cpu.sh", tmp_path / f"node{node}", "--workers", workers, "--nodes", "2", "--node_rank",
               node, "--master_addr", "127.0.0.2", "--master_port", "8978", "--cluster_timeout", "20",
               "--skip_preflight", "--config", DIGITS, *TWO, "--output_dir", tmp_path)
        for node, workers in enumerate((1, 2))
    ]  # fmt: skip

    for job in jobs:
        assert "with the same --nodes and --workers?" in finish(job, 1)
    assert leftovers(tmp_path) == []
