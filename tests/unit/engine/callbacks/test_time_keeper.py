from collections.abc import Iterator
from itertools import accumulate
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.callbacks.time_keeper import TimeKeeper
from engine.run.records import EpochEnd, EpochRecord
from engine.run.time_budget import TimeBudget

CONTEXT: Any = SimpleNamespace()


def keeper_after(epochs: list[list[tuple[float, float]]]) -> TimeKeeper:
    """A keeper that has seen epochs of steps, each with its seconds of waiting and of computing."""
    passing = [0.0]
    for steps in epochs:
        passing += [0.0, *(seconds for step in steps for seconds in step)]
    times: Iterator[float] = accumulate(passing)
    next(times)
    keeper = TimeKeeper(clock=lambda: next(times))
    for steps in epochs:
        keeper.on_train_epoch_begin(CONTEXT)
        for _ in steps:
            keeper.on_train_step_begin(CONTEXT)
            keeper.on_train_step_end(CONTEXT)
    return keeper


def record(epoch: int, eval_seconds: float) -> EpochEnd:
    return EpochEnd(EpochRecord(epoch, epoch, 1.0, 0.5, 10.0, 1.0, 0.0, eval_seconds=eval_seconds))


def test_waiting_and_computing_are_told_apart() -> None:
    budget = keeper_after([[(1, 12), (2, 3)], [(3, 3)]]).budget(total=30, prepare=4, checkpoint=1)

    assert budget == TimeBudget(prepare=4, compile=9, input_wait=6, step=9, evaluation=0, checkpoint=1, other=1)


def test_the_steps_of_this_process_are_counted() -> None:
    assert (TimeKeeper().steps, keeper_after([[(1, 12), (2, 3)], [(3, 3)]]).steps) == (0, 3)


def test_what_is_waited_inside_of_steps_that_run_together_is_input() -> None:
    times, waited = iter([0.0, 0.0, 12.0, 12.0, 17.0]), iter([0.0, 2.0, 2.0, 5.0, 5.0])
    keeper = TimeKeeper(lambda: next(waited), lambda: next(times))
    keeper.on_train_epoch_begin(CONTEXT)
    for _ in range(2):
        keeper.on_train_step_begin(CONTEXT)
        keeper.on_train_step_end(CONTEXT)

    budget = keeper.budget(total=17, prepare=0, checkpoint=0)

    assert budget == TimeBudget(prepare=0, compile=8, input_wait=5, step=4, evaluation=0, checkpoint=0, other=0)


def test_where_the_device_takes_its_batches_no_wait_is_told() -> None:
    times = iter([0.0, 0.0, 5.0, 5.0, 10.0])
    keeper = TimeKeeper(lambda: None, lambda: next(times))
    keeper.on_train_epoch_begin(CONTEXT)
    for _ in range(2):
        keeper.on_train_step_begin(CONTEXT)
        keeper.on_train_step_end(CONTEXT)

    budget = keeper.budget(total=10, prepare=0, checkpoint=0)

    assert "input_wait" not in budget.seconds()
    assert "step (with input wait, which the sink hides) 100%" in budget.line()


def test_evaluations_of_this_process_count_and_those_before_a_resume_do_not() -> None:
    keeper = keeper_after([[(0, 1)]])
    keeper.on_epoch(record(7, 2.5))  # the run went on in epoch 7

    assert keeper.budget(total=10, prepare=0, checkpoint=0).evaluation == 2.5


def test_the_last_evaluation_counts_even_if_it_fails() -> None:
    times = iter([10.0, 14.0])
    keeper = TimeKeeper(clock=lambda: next(times))

    with pytest.raises(RuntimeError), keeper.evaluating():
        raise RuntimeError

    assert keeper.budget(total=5, prepare=0, checkpoint=0).evaluation == 4


def test_a_run_that_makes_no_step_has_a_budget() -> None:
    budget = TimeKeeper().budget(total=3, prepare=1, checkpoint=0)

    assert (budget.compile, budget.step, budget.other) == (0, 0, 2)


@given(st.lists(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), max_size=4), max_size=3), st.floats(0, 9))
def test_the_shares_are_of_the_whole(epochs: list[list[tuple[float, float]]], prepare: float) -> None:
    total = prepare + sum(seconds for steps in epochs for step in steps for seconds in step) + 1

    budget = keeper_after(epochs).budget(total, prepare, checkpoint=0.5)

    assert budget.total == pytest.approx(total)
    assert sum(budget.shares().values()) == pytest.approx(1)


def test_the_line_begins_with_the_largest_share() -> None:
    budget = TimeBudget(1, 2, 0, 6, 0.5, 0.5, 0)

    assert budget.line() == (
        "time: 10.0 s: step 60%, compile 20%, prepare 10%, evaluation 5%, checkpoint 5%, input wait 0%, other 0%"
    )
