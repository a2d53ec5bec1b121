"""A rank that fails makes every rank fail, with the same words; none waits for it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from common.errors import BadInput, DataError, JobFailed
from engine.jobs import agreement
from engine.jobs.agreement import failing_together
from tests.unit.datazoo.doctor.pictures import on_ranks


def together(count: int, work: Callable[[int, Callable[[bytes], list[bytes]]], Any]) -> list[Any]:
    def rank_work(rank: int, gather: Callable[[bytes], list[bytes]]) -> Any:
        with failing_together(SimpleNamespace(gather=gather)) as failing:  # type: ignore[arg-type]
            return work(rank, failing)

    return on_ranks(count, rank_work)


@pytest.mark.parametrize("gathers_before", [0, 1, 2])
def test_all_ranks_fail_with_the_words_of_the_first_that_does(gathers_before: int) -> None:
    def work(rank: int, gather: Callable[[bytes], list[bytes]]) -> None:
        for count in range(2):
            if rank == 1 and count == gathers_before:
                raise DataError("no folder")
            gather(b"x")
        if rank == 1:
            raise DataError("no folder")

    results = together(3, work)

    assert [str(result) for result in results] == ["rank 1: no folder"] * 3
    assert all(isinstance(result, BadInput) for result in results)


def test_what_all_ranks_say_is_said_as_by_one() -> None:
    def work(rank: int, gather: Callable[[bytes], list[bytes]]) -> None:
        raise DataError("no folder")

    assert [str(result) for result in together(2, work)] == ["no folder"] * 2


def test_what_the_user_did_not_give_ends_as_a_failure() -> None:
    def work(rank: int, gather: Callable[[bytes], list[bytes]]) -> None:
        if rank == 0:
            raise OSError("disk on fire")

    results = together(2, work)

    assert [str(result) for result in results] == ["rank 0: OSError: disk on fire"] * 2
    assert all(isinstance(result, JobFailed) for result in results)


def test_ranks_that_succeed_get_what_all_said() -> None:
    results = together(2, lambda rank, gather: gather(bytes([rank])))

    assert results == [[b"\0", b"\1"]] * 2


def test_ranks_of_other_code_are_refused_with_both_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    own = iter(["1" * 16, "2" * 16])
    monkeypatch.setattr(agreement, "code_fingerprint", lambda: next(own))

    def compare(rank: int, gather: Callable[[bytes], list[bytes]]) -> None:
        agreement.check_same_code(SimpleNamespace(world_size=2, gather=gather))  # type: ignore[arg-type]

    results = on_ranks(2, compare)

    assert all(isinstance(result, BadInput) for result in results)
    assert "the code of rank 1 is not the main rank's: all ranks must read the same" in str(results[0])
    assert all("1" * 16 in str(result) and "2" * 16 in str(result) for result in results)
