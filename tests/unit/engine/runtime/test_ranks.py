"""Ranks played by threads: what they tell each other goes through a real rendezvous."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import pytest

from common.errors import ConfigError
from engine.runtime.mpi import started_by_mpirun, worker_variables
from engine.runtime.start import Runtime
from launch.plan import ROOT

T = TypeVar("T")


class Meeting:
    """all_gather among threads."""

    def __init__(self, size: int) -> None:
        self.parts = [b""] * size
        self.barrier = threading.Barrier(size, timeout=20)

    def gather_as(self, rank: int) -> Callable[[bytes], list[bytes]]:
        def gather(content: bytes) -> list[bytes]:
            self.parts[rank] = content
            self.barrier.wait()
            everything = list(self.parts)
            self.barrier.wait()
            return everything

        return gather


def on_ranks(size: int, job: Callable[[Runtime], T]) -> list[T]:
    meeting = Meeting(size)
    runtimes = [Runtime("CPU", rank, size, meeting.gather_as(rank)) for rank in range(size)]
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(job, runtimes))


def test_sums_are_the_same_bits_on_all_ranks() -> None:
    values = np.random.default_rng(0).normal(size=(4, 50)) * 10.0 ** np.arange(50)

    sums = on_ranks(4, lambda runtime: runtime.all_sum(values[runtime.rank]))

    assert all(np.array_equal(s, sums[0]) for s in sums)
    np.testing.assert_allclose(sums[0], values.sum(0), rtol=1e-12)


def test_counts_beyond_float32_stay_exact() -> None:
    big = 2**53 // 4 - 1

    (total, _, _) = on_ranks(3, lambda runtime: runtime.all_sum(np.array([big, 1.0])))

    assert total.tolist() == [3 * big, 3.0]


def test_the_main_rank_decides() -> None:
    assert on_ranks(3, lambda runtime: runtime.from_main(f"of {runtime.rank}")) == ["of 0"] * 3


def test_one_process_is_its_own_group() -> None:
    runtime = Runtime("CPU")

    assert runtime.is_main
    assert runtime.all_sum(np.array([1.5])).tolist() == [1.5]
    assert runtime.from_main("text") == "text"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"OMPI_COMM_WORLD_SIZE": "1"}, False),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, True),
        ({"PMI_SIZE": "4"}, True),
        ({"OMPI_COMM_WORLD_SIZE": "2", "MS_ROLE": "MS_WORKER"}, False),
    ],
)
def test_mpirun_is_recognised(environ: dict[str, str], expected: bool) -> None:
    assert started_by_mpirun(environ) is expected


def test_a_worker_knows_its_rank_its_card_and_the_scheduler() -> None:
    variables = worker_variables(5, 16, 1, ("10.0.0.1", 8118))

    assert variables["RANK_ID"] == variables["MS_NODE_ID"] == "5"
    assert (variables["MS_WORKER_NUM"], variables["DEVICE_ID"]) == ("16", "1")
    assert (variables["MS_SCHED_HOST"], variables["MS_SCHED_PORT"]) == ("10.0.0.1", "8118")


def test_a_rank_with_other_pictures_is_named_on_every_rank() -> None:
    from engine.jobs.agreement import _compare

    def job(runtime: Runtime) -> str:
        with pytest.raises(ConfigError) as caught:
            _compare(runtime, "train split", "9 pictures" if runtime.rank == 2 else "10 pictures", show=True)
        return str(caught.value)

    messages = on_ranks(3, job)

    assert len(set(messages)) == 1
    assert "train split of rank 2" in messages[0]
    assert "rank 0: 10 pictures; rank 2: 9 pictures" in messages[0]


@pytest.mark.parametrize("name", ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"])
def test_a_rank_that_mpi_does_not_know_of_is_refused(name: str) -> None:
    """mpirun of one MPI and mpi4py of another: each process would train for itself."""
    code = "import os\nfrom engine.runtime.mpi import join_mpi\njoin_mpi(os.environ)"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, name: "4"}, capture_output=True, text=True
    )

    assert f"{name}=4, but MPI counts 1 rank(s): mpi4py belongs to another MPI" in done.stderr
