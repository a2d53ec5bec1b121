"""Runs that are limited to some cores do not all take the first ones."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from engine.runtime.cores import cores_of_rank, least_wanted

CORES = sorted(os.sched_getaffinity(0))
pytestmark = pytest.mark.skipif(len(CORES) < 2, reason="needs two cores")


@pytest.fixture
def runs_on_the_first_core() -> Iterator[None]:
    """More processes bound to the first core than this machine's others will bind."""
    sleep = [
        sys.executable,
        "-c",
        f"import os, time; os.sched_setaffinity(0, [{CORES[0]}]); print(flush=True); time.sleep(60)",
    ]
    runs = [subprocess.Popen(sleep, stdout=subprocess.PIPE) for _ in range(12)]
    for run in runs:
        assert run.stdout is not None
        run.stdout.readline()
    yield
    for run in runs:
        run.kill()
        run.communicate()


@pytest.mark.usefixtures("runs_on_the_first_core")
def test_a_core_that_others_are_bound_to_is_left_to_them() -> None:
    assert CORES[0] not in least_wanted(CORES, 1)


@pytest.mark.usefixtures("runs_on_the_first_core")
def test_all_but_one_core_leave_the_wanted_one() -> None:
    assert least_wanted(CORES, len(CORES) - 1) == CORES[1:]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_ranks_share_the_cores_evenly(threads: int) -> None:
    cores = [0, 2, 4, 6, 8, 10]

    taken = [core for rank in range(6 // threads) for core in cores_of_rank(cores, threads, rank)]

    assert sorted(taken) == cores


def test_more_ranks_than_cores_begin_again() -> None:
    assert [cores_of_rank([0, 1], 1, rank) for rank in range(4)] == [[0], [1], [0], [1]]
