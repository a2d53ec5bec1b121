"""The end of a time budget inside a run, on a clock that the test moves."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any

from engine.callbacks.deadline import Deadline
from engine.run.records import EpochEnd, EpochRecord, Progress


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def run(ends: float, *, epoch_seconds: float = 10.0, eval_seconds: float = 2.0, epochs: int = 5) -> Progress:
    """Drive the callback as a training of ten steps an epoch would, until it asks to stop."""
    clock, progress = Clock(), Progress(epochs, steps_per_epoch=10, global_batch=4)
    stopped: list[bool] = []
    context: Any = types.SimpleNamespace(request_stop=lambda: stopped.append(True))
    deadline = Deadline(progress, ends, clock)
    while not progress.is_over:
        deadline.on_train_epoch_begin(context)
        while progress.step_in_epoch < 10 and not stopped:
            clock.now += epoch_seconds / 10
            progress.step_in_epoch += 1
            deadline.on_train_step_end(context)
        deadline.on_train_epoch_end(context)
        if stopped:
            break
        clock.now += eval_seconds
        record = EpochRecord(progress.epoch + 1, 0, 1.0, 0.5, 1.0, epoch_seconds, 0.0, eval_seconds=eval_seconds)
        progress.next_epoch(record)
        deadline.on_epoch(EpochEnd(record, is_last=progress.is_over))
    assert clock.now <= ends + epoch_seconds / 10 + eval_seconds
    return progress


def test_a_run_that_is_done_in_time_is_left_alone() -> None:
    assert run(ends=60).stop_reason is None


def test_no_epoch_is_begun_that_would_not_fit() -> None:
    progress = run(ends=40)
    assert progress.epoch == 3
    assert progress.stop_reason == "the time budget ended after epoch 3 of 5"


def test_training_stops_inside_an_epoch_that_takes_too_long() -> None:
    progress = run(ends=7)
    assert (progress.epoch, progress.step_in_epoch) == (0, 7)
    assert progress.stop_reason == "the time budget ended inside epoch 1 of 5"


def test_the_end_in_the_last_step_of_the_last_epoch_is_no_stop() -> None:
    assert run(ends=10, epochs=1).stop_reason is None
