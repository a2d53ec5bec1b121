"""Methods one after the other, the cheapest first, as far as a time budget goes; the best by validation is kept.

Nothing here knows MindSpore: a method is whatever measures itself, asks, and then trains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from common.durations import duration
from common.errors import ConfigError, TrainingError
from engine.run.budget import Difference, Forecast, LeftOut, choose, compare_on_photos


@dataclass(frozen=True, eq=False)
class Scored:
    """What a method came to.

    Args:
        run: name of its run folder.
        right: bool (N,), whether each validation picture was right.
        epochs: that were trained.
        note: why it ended early, if it did.
    """

    run: str
    right: np.ndarray
    epochs: int = 0
    note: str | None = None


class Ask(Protocol):
    """How a method learns whether, and with how many epochs, it is begun."""

    def __call__(self, forecast: Forecast, *, part: str = "", is_bound: bool = False) -> int:
        """Return the number of epochs that fit.

        Args:
            forecast: by what was measured.
            part: which part of the method it is about, where that is not all of it.
            is_bound: whether it is only known that the method takes no less, so that more is measured before it begins.

        Raises:
            LeftOut: too few.
        """


class Method(Protocol):
    """One way to train."""

    @property
    def name(self) -> str:
        """What it is called."""

    def run(self, ask: Ask) -> Scored:
        """Measure, ask, train, and score the validation pictures.

        Raises:
            LeftOut: what `ask` raised, or it brought nothing to score.
        """


@dataclass(frozen=True)
class Attempt:
    """A method that was tried.

    Args:
        method: its name.
        state: whether it was scored.
        seconds: that it took, measuring included.
        scored: what it came to; None where it was left out.
        reason: why it was left out.
        forecast: seconds that it would have taken, and
        left: seconds that were left, where that is the reason.
    """

    method: str
    state: Literal["done", "left_out"]
    seconds: float
    scored: Scored | None = None
    reason: str | None = None
    forecast: float | None = None
    left: float | None = None


class Ladder:
    """Climbs from method to method.

    Args:
        ends: the moment on `clock` at which the last method has to be done.
        clock: seconds, from any start.
        photos: gives each validation picture's photo, (N,), once the first method is done.
        note: is told of all attempts after each of them.
        attempts: those of a start before, which are not repeated.
        say: shows a line.
    """

    def __init__(
        self,
        ends: float,
        clock: Callable[[], float],
        photos: Callable[[], np.ndarray],
        note: Callable[[Sequence[Attempt]], None] = lambda attempts: None,
        attempts: Sequence[Attempt] = (),
        say: Callable[[str], None] = print,
    ) -> None:
        self.ends = ends
        self.attempts = [attempt for attempt in attempts if attempt.state == "done"]  # there may be more time now
        self._clock = clock
        self._photos = photos
        self._known_photos: np.ndarray | None = None
        self._note = note
        self._say = say

    @property
    def photos(self) -> np.ndarray:
        """Each validation picture's photo, (N,)."""
        if self._known_photos is None:
            self._known_photos = self._photos()
        return self._known_photos

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self.ends - self._clock()

    @property
    def done(self) -> list[Attempt]:
        """The attempts that were scored."""
        return [attempt for attempt in self.attempts if attempt.scored is not None]

    def climb(self, methods: Sequence[Method]) -> None:
        """Try every method that was not done before.

        Args:
            methods: the cheapest first.

        Raises:
            ConfigError: not even the first one fits.
            TrainingError: the first one fails; where a later one does, those before it stay.
        """
        done = {attempt.method for attempt in self.done}
        too_dear: str | None = None
        for method in (method for method in methods if method.name not in done):
            if too_dear is None:
                attempt = self._try(method)
            else:  # measuring takes time too
                reason = f"{too_dear}, which is cheaper, was left out"
                self._say(f"{method.name}: left out: {reason}")
                attempt = Attempt(method.name, "left_out", 0.0, reason=reason)
            if attempt.scored is None:
                too_dear = too_dear or method.name
            self.attempts.append(attempt)
            self._note(self.attempts)
            if attempt.scored is not None:
                self._say(self._line(attempt))

    def _try(self, method: Method) -> Attempt:
        began = self._clock()

        def ask(forecast: Forecast, *, part: str = "", is_bound: bool = False) -> int:
            return self._ask(f"{method.name}: {part}" if part else method.name, forecast, is_bound)

        try:
            scored = method.run(ask)
        except LeftOut as left_out:
            seconds, why = self._clock() - began, str(left_out)
            return Attempt(method.name, "left_out", seconds, None, why, left_out.forecast, left_out.left)
        except TrainingError as failed:
            if not self.done:
                raise
            why = f"failed: {str(failed).splitlines()[0]}"
            self._say(f"{method.name}: {why}")
            return Attempt(method.name, "left_out", self._clock() - began, reason=why)
        return Attempt(method.name, "done", self._clock() - began, scored)

    def _ask(self, name: str, forecast: Forecast, is_bound: bool) -> int:
        left = self.left
        epochs = forecast.fitting_epochs(left)
        if epochs is None and not self.done:
            raise ConfigError(
                f"--budget is too short: {name}, the cheapest method, is forecast to take "
                f"{duration(forecast.seconds)}, and {duration(max(0.0, left))} are left after the start\n"
                f"add at least {duration(forecast.least - left)}, or leave --budget out"
            )
        line = forecast.line(left)
        if epochs is None or not is_bound:
            self._say(f"{name}: {'at least: ' if is_bound else ''}{line}")
        if epochs is None:
            raise LeftOut(line, forecast.seconds, left)
        return epochs

    @property
    def chosen(self) -> Attempt | None:
        """The attempt that is kept so far."""
        done = self.done
        return done[choose(self._right(), self.photos)] if done else None

    def difference(self, attempt: Attempt) -> Difference | None:
        """Against the scored attempt before it; None for the first."""
        place = self.done.index(attempt)
        right = self._right()
        return compare_on_photos(right[place], right[place - 1], self.photos) if place else None

    def _right(self) -> list[np.ndarray]:
        return [attempt.scored.right for attempt in self.done if attempt.scored is not None]

    def _line(self, attempt: Attempt) -> str:
        assert attempt.scored is not None
        right = attempt.scored.right
        line = f"{attempt.method}: {int(right.sum())} of {len(right)} val pictures right in {duration(attempt.seconds)}"
        if (difference := self.difference(attempt)) is not None:
            low, high = difference.interval
            line += (
                f"; {100 * difference.top1:+.1f} points to the method before "
                f"(95% interval {100 * low:+.1f} to {100 * high:+.1f})"
            )
        return line + f"; kept so far: {self.chosen.method if self.chosen else 'none'}"
