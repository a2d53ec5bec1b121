"""Which steps of a run are profiled: `--profile steps=10:20`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from common.errors import ConfigError

_HOW = "write --profile steps=FIRST:LAST, such as steps=10:20, with steps counted from 1 as in metrics.jsonl"


@dataclass(frozen=True)
class StepRange:
    """Steps of a run from `first` to `last`, both of them included; 1 is the run's first."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> StepRange:
        """Read `steps=10:20`.

        Raises:
            ConfigError: it is no range.
        """
        found = re.fullmatch(r"steps=([0-9]{1,12}):([0-9]{1,12})", text)
        if found is None:
            raise ConfigError(f"--profile {text}: is no range of steps; {_HOW}")
        first, last = int(found[1]), int(found[2])
        if not 1 <= first <= last:
            raise ConfigError(f"--profile {text}: no step is from {first} to {last}; {_HOW}")
        return cls(first, last)

    def check(self, done: int, steps_per_epoch: int, epochs: int) -> None:
        """Refuse what this run does not make, and a range with an evaluation inside.

        Args:
            done: steps that the run has behind it.
            steps_per_epoch: steps of an epoch.
            epochs: epochs of the run.

        Raises:
            ConfigError: the range lies behind, beyond the end, or over the end of an epoch.
        """
        total = steps_per_epoch * epochs
        if self.first <= done:
            raise ConfigError(f"--profile {self}: the run goes on after step {done}; name steps from {done + 1} on")
        if self.last > total:
            raise ConfigError(f"--profile {self}: the run ends with step {total} ({epochs} x {steps_per_epoch})")
        end = -(-self.first // steps_per_epoch) * steps_per_epoch
        if self.last > end:
            raise ConfigError(
                f"--profile {self}: an epoch ends with step {end}, and what follows there is no step; "
                f"name steps of one epoch, such as steps={self.first}:{end}"
            )

    def __str__(self) -> str:
        return f"steps={self.first}:{self.last}"
