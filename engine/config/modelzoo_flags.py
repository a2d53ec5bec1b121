"""Flags of ModelZoo's training scripts that are more than another name for a key."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from common.errors import ConfigError

# The last epoch is evaluated whatever this says.
_NEVER_BETWEEN = "1000000"


class RunEval(argparse.Action):
    """`--run_eval true` is how every run goes; `false` leaves only the evaluation of the last epoch."""

    def __call__(
        self, parser: argparse.ArgumentParser, args: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        """Put the key behind the overrides that were written before it.

        Raises:
            ConfigError: neither true nor false.
        """
        word = str(values).lower()
        if word not in ("true", "false"):
            raise ConfigError(f"command line: {option} {values}: true or false")
        if word == "false":
            before: Sequence[tuple[str, str]] = args.key_overrides or ()
            args.key_overrides = [*before, ("train.eval_every", _NEVER_BETWEEN)]


class RankTableFile(argparse.Action):
    """A rank table describes many processes, and a door is one of them."""

    def __call__(
        self, parser: argparse.ArgumentParser, args: argparse.Namespace, values: Any, option: str | None = None
    ) -> NoReturn:
        """Name the command that reads it.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            f"command line: {option} {values}: the launcher reads it; "
            f"bash launch/run_distribute_ascend.sh {option} {values} --config FILE"
        )


def add_modelzoo_flags(parser: argparse.ArgumentParser) -> None:
    """Add them to a door's parser; `key_overrides` is where its overrides go."""
    group = parser.add_argument_group("names of ModelZoo's scripts", "Command line only; --config_path is --config.")
    group.add_argument(
        "--run_eval",
        action=RunEval,
        dest=argparse.SUPPRESS,
        metavar="true|false",
        help="false evaluates after the last epoch only, as a large --train.eval_every does",
    )
    group.add_argument(
        "--rank_table_file",
        action=RankTableFile,
        dest=argparse.SUPPRESS,
        metavar="FILE",
        help="the launcher's: bash launch/run_distribute_ascend.sh --rank_table_file FILE",
    )
