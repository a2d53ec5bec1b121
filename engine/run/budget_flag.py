"""`train.py --budget TIME`: how long a run on pictures of one's own may take."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from common.durations import seconds_of, short_duration


@dataclass(frozen=True)
class BudgetTime:
    """Seconds of wall time; as text in one unit, for a run's name."""

    seconds: float

    @classmethod
    def parse(cls, text: str) -> BudgetTime:
        """Read the flag's value.

        Raises:
            ArgumentTypeError: no time above 0.
        """
        try:
            return cls(seconds_of(text))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    def __str__(self) -> str:
        return short_duration(self.seconds)


def add_budget_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--budget`."""
    parser.add_argument(
        "--budget",
        type=BudgetTime.parse,
        metavar="TIME",
        help="with --pictures: how long all may take, such as 5m or 2h; ever dearer methods are tried as far as it "
        "goes, and the best by validation is kept",
    )
