"""The logic of a time budget, on a clock that the methods move themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from common.errors import ConfigError, TrainingError
from engine.jobs.budget_ladder import Ask, Attempt, Ladder, Scored
from engine.run.budget import Forecast, LeftOut

PICTURES = 60


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeMethod:
    """Takes `measuring` seconds to measure, then what it forecasts, and gets `right` pictures right."""

    name: str
    clock: Clock
    forecast: Forecast
    right: int
    measuring: float = 0.0
    begun_with: list[int] = field(default_factory=list)

    def run(self, ask: Ask) -> Scored:
        self.clock.now += self.measuring
        epochs = ask(self.forecast)
        self.begun_with.append(epochs)
        self.clock.now += self.forecast.fixed + epochs * self.forecast.epoch
        return Scored(f"{self.name}-seed0", np.arange(PICTURES) < self.right, epochs)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ladder(clock: Clock, budget: float, lines: list[str] | None = None, attempts: Sequence[Attempt] = ()) -> Ladder:
    say = (lambda line: None) if lines is None else lines.append
    return Ladder(clock.now + budget, clock, lambda: np.arange(PICTURES), attempts=attempts, say=say)


def head(clock: Clock, right: int = 40) -> FakeMethod:
    return FakeMethod("head", clock, Forecast(20), right)


def partial(clock: Clock, right: int = 50) -> FakeMethod:
    return FakeMethod("partial", clock, Forecast(30, 25, 8), right, measuring=30)


def test_methods_are_tried_in_order_and_the_best_is_kept(clock: Clock) -> None:
    climbed = ladder(clock, 600)
    climbed.climb([head(clock), partial(clock)])
    assert [attempt.method for attempt in climbed.attempts] == ["head", "partial"]
    assert climbed.chosen is not None
    assert climbed.chosen.method == "partial"


def test_a_method_that_does_not_fit_is_left_out_with_its_forecast(clock: Clock) -> None:
    lines: list[str] = []
    climbed = ladder(clock, 100, lines)
    climbed.climb([head(clock), partial(clock)])
    assert climbed.attempts[1].state == "left_out"
    assert "partial: forecast 3 min 50 s of 50.0 s left: left out" in lines


def test_a_method_gets_the_epochs_that_fit_after_measuring(clock: Clock) -> None:
    method = partial(clock)
    ladder(clock, 20 + 30 + 30 + 6 * 25).climb([head(clock), method])
    assert method.begun_with == [6]


@pytest.mark.parametrize("budget", [21.0, 90.0, 200.0, 280.0, 600.0])
def test_the_budget_is_overshot_by_no_more_than_one_measuring(clock: Clock, budget: float) -> None:
    began = clock.now
    ladder(clock, budget).climb([head(clock), partial(clock), FakeMethod("full", clock, Forecast(30, 90, 8), 50, 30)])
    assert clock.now - began <= budget + 30


def test_nothing_is_measured_behind_a_method_that_was_left_out(clock: Clock) -> None:
    lines: list[str] = []
    ladder(clock, 60, lines).climb(
        [head(clock), partial(clock), FakeMethod("full", clock, Forecast(30, 90, 8), 50, 30)]
    )
    assert clock.now == 1000 + 20 + 30
    assert lines[-1] == "full: left out: partial, which is cheaper, was left out"


def test_a_budget_too_short_for_the_first_method_is_bad_input_that_says_what_it_takes(clock: Clock) -> None:
    with pytest.raises(ConfigError, match=r"head.*forecast to take 20\.0 s, and 5\.0 s are left[\s\S]*15\.0 s"):
        ladder(clock, 5).climb([head(clock)])


def test_a_bound_that_fits_is_no_decision_yet_and_says_nothing(clock: Clock) -> None:
    lines: list[str] = []
    climbed = ladder(clock, 600, lines)
    climbed.climb([head(clock)])
    lines.clear()

    class Bounded(FakeMethod):
        def run(self, ask: Ask) -> Scored:
            ask(Forecast(1), is_bound=True)
            raise LeftOut("nothing came of it")

    climbed.climb([Bounded("full", clock, Forecast(1), 0)])
    assert lines == []
    assert climbed.attempts[-1].reason == "nothing came of it"


class Diverging(FakeMethod):
    """Its loss is not finite any more after its first epoch."""

    def run(self, ask: Ask) -> Scored:
        super().run(ask)
        raise TrainingError("the loss is nan at step 7\nlower optimizer.lr")


def test_a_method_that_fails_leaves_what_was_kept_before(clock: Clock) -> None:
    lines: list[str] = []
    climbed = ladder(clock, 600, lines)
    climbed.climb([head(clock), Diverging("partial", clock, Forecast(30), 50)])
    assert lines[-1] == "partial: failed: the loss is nan at step 7"
    assert climbed.attempts[-1].reason == "failed: the loss is nan at step 7"
    assert climbed.chosen is not None
    assert climbed.chosen.method == "head"


def test_a_first_method_that_fails_is_a_failure(clock: Clock) -> None:
    with pytest.raises(TrainingError):
        ladder(clock, 600).climb([Diverging("head", clock, Forecast(30), 50)])


def test_what_was_done_before_is_not_repeated_and_what_was_left_out_gets_another_chance(clock: Clock) -> None:
    first = ladder(clock, 100)
    first.climb([head(clock), partial(clock)])
    again, method = head(clock), partial(clock)
    second = ladder(clock, 600, attempts=first.attempts)
    second.climb([again, method])
    assert again.begun_with == []
    assert method.begun_with == [8]
    assert second.chosen is not None
    assert second.chosen.method == "partial"


def test_every_attempt_is_noted_as_soon_as_it_is_over(clock: Clock) -> None:
    noted: list[list[str]] = []
    climbed = Ladder(
        clock.now + 600, clock, lambda: np.arange(PICTURES),
        note=lambda attempts: noted.append([attempt.method for attempt in attempts]), say=lambda line: None,
    )  # fmt: skip
    climbed.climb([head(clock), partial(clock)])
    assert noted == [["head"], ["head", "partial"]]


def test_the_line_of_a_method_gives_counts_and_the_difference_to_the_method_before(clock: Clock) -> None:
    lines: list[str] = []
    ladder(clock, 600, lines).climb([head(clock), partial(clock)])
    assert any(line.startswith("head: 40 of 60 val pictures right in 20.0 s; kept so far: head") for line in lines)
    assert any("+16.7 points to the method before (95% interval +" in line for line in lines)
