"""Under a real SLURM a job of two nodes goes on by itself, whatever ends it, and leaves nothing behind."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.jobs import DIGITS, finish, largest_difference, metrics
from tests.integration.ranks import launch, leftovers
from tests.integration.slurm import Slurm, two_nodes

pytestmark = pytest.mark.slow

# 158 steps an epoch.
JOB = (
    "--config", DIGITS, "--data.batch_size", "4", "--train.epochs", "3", "--train.log_every", "1",
    "--train.early_stopping.enabled", "false", "--runtime.threads", "1", "--name", "run",
)  # fmt: skip


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with two_nodes(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same job by two ranks on one host."""
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(launch("run_distribute_cpu.sh", folder / "logs", "--workers", "2", *JOB, "--output_dir", folder))
    return folder / "run-seed0"


def reach(slurm: Slurm, job: str, run: Path, step: int) -> None:
    """Return once the job has made a step."""
    deadline = time.monotonic() + 300
    while not any(line["step"] >= step for line in metrics(run)):
        assert time.monotonic() < deadline, f"step {step} was not reached:\n{slurm.output(job)}"
        time.sleep(0.02)


def test_a_requeued_job_saves_goes_on_and_ends_with_the_same_bits(
    slurm: Slurm, tmp_path: Path, undisturbed: Path
) -> None:
    job = slurm.submit(*JOB, "--output_dir", tmp_path, "--log_dir", tmp_path / "logs")
    reach(slurm, job, tmp_path / "run-seed0", 200)

    slurm.run("scontrol", "requeue", job)

    assert slurm.finish(job) == "COMPLETED", slurm.output(job)
    output = slurm.output(job)
    assert "stopped by SIGTERM" in output
    assert "SLURM has started this job again: --resume auto" in output
    assert re.search(r"going on from \S+/epoch_0001_step_\d+\.ckpt", output), "not in the middle of an epoch"
    assert largest_difference(undisturbed, tmp_path / "run-seed0") == 0.0
    assert leftovers(tmp_path) == []


def test_a_killed_rank_restarts_the_whole_job(slurm: Slurm, tmp_path: Path, undisturbed: Path) -> None:
    job = slurm.submit(*JOB, "--output_dir", tmp_path, "--log_dir", tmp_path / "logs")
    reach(slurm, job, tmp_path / "run-seed0", 200)
    rank = next(
        process for process in psutil.process_iter()
        if process.pid in leftovers(tmp_path) and process.environ().get("RANK_ID") == "1"
    )  # fmt: skip

    rank.kill()

    assert slurm.finish(job) == "COMPLETED", slurm.output(job)
    assert f"job {job} failed" in slurm.output(job)
    assert largest_difference(undisturbed, tmp_path / "run-seed0") == 0.0
    assert leftovers(tmp_path) == []


def test_a_job_whose_time_is_up_saves_and_is_queued_again_until_it_is_cancelled(slurm: Slurm, tmp_path: Path) -> None:
    job = slurm.submit(*JOB, "--output_dir", tmp_path, "--log_dir", tmp_path / "logs")
    reach(slurm, job, tmp_path / "run-seed0", 50)

    slurm.run("scancel", "--signal=USR1", job)  # as `--signal=USR1@120` does, to every step
    slurm.says(job, f"the time of job {job} is up: queued again")
    slurm.says(job, f"going on from {tmp_path}/run-seed0/checkpoints/epoch_0000.ckpt")  # of the epoch's first steps
    slurm.run("scancel", job)

    assert slurm.finish(job) == "CANCELLED"
    assert leftovers(tmp_path) == []
