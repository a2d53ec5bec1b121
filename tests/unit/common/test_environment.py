"""Numbers in environment variables are read as OpenMP, clusters and shells write them."""

from __future__ import annotations

import pytest

from common.environment import THREADS, check_numbers, whole_number
from common.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "number"),
    [("", None), ("  ", None), ("3", 3), (" 2", 2), ("2\n", 2), ("4,2", 4), ("4, 2 ,1", 4), ("007", 7)],
)
def test_threads_as_openmp_allows_them(value: str, number: int | None) -> None:
    assert whole_number(THREADS, {THREADS: value}) == number


def test_a_variable_that_is_not_there_is_not_set() -> None:
    assert whole_number(THREADS, {}) is None


@pytest.mark.parametrize("value", ["0", "-1", "abc", "1.5", "4,", ",4", "4,0", "1_0", "0x2", "٣", "9" * 30])
def test_other_threads_are_refused_in_one_line_with_name_and_value(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        whole_number(THREADS, {THREADS: value})

    assert f"OMP_NUM_THREADS={value}:" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("RANK_ID", "-1"), ("RANK_ID", "1,2"), ("RANK_SIZE", "0"), ("DEVICE_ID", "zero"), ("MS_SCHED_PORT", "70000"),
        ("MS_WORKER_NUM", "two"), ("OMPI_COMM_WORLD_RANK", "x"), ("OMPI_COMM_WORLD_SIZE", "0"), ("PMI_SIZE", "1.0"),
    ],
)  # fmt: skip
def test_ranks_and_ports_are_whole_numbers_too(name: str, bad: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}={bad}"):
        check_numbers({name: bad})


def test_what_libraries_read_is_plain() -> None:
    environ = {"RANK_ID": " 1 ", "RANK_SIZE": "", THREADS: " 4,2", "MS_ROLE": "", "OTHER": " "}

    check_numbers(environ)

    assert environ == {"RANK_ID": "1", THREADS: "4,2", "OTHER": " "}
