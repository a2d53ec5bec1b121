"""Train and evaluate one network, as a recipe says.

Your own pictures:      python train.py --pictures my_photos
The best in half an hour: python train.py --pictures my_photos --budget 30m
One process:            python train.py --config config/lenet5_digits.yaml
Another learning rate:  python train.py --config config/lenet5_digits.yaml --optimizer.lr 0.02 --seed 1
Go on after a stop:     python train.py --resume runs/lenet5_digits-seed0
Only make the splits:   python train.py --config RECIPE --data.path FOLDER --write_split splits.csv
Profile some steps:     python train.py --config config/lenet5_digits.yaml --profile steps=50:60
Several processes:      bash launch/run_distribute_cpu.sh --workers 2 --config config/lenet5_digits.yaml
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from common.door import EXIT_OK, open_door
from common.errors import ConfigError
from common.names import printable
from engine.run.budget_flag import add_budget_flag
from engine.run.output_dir import check_output_dir
from engine.run.pictures_flag import add_pictures_flag, implied_by_pictures, recipe_for_pictures
from engine.run.resume_flag import AUTO, recipe_of_resumed
from engine.runtime.environment import prepare_environment


def main(argv: Sequence[str]) -> int:
    """Read the recipe, join the other ranks, train, write the report."""
    began = time.monotonic()
    # Here, not above: what NETZOO_NETWORKS names is read with the schema, and may be bad input.
    from engine.config import parse_command_line
    from engine.config.step_range import StepRange

    config, options = parse_command_line(
        argv,
        prog="train.py",
        description=__doc__ or "",
        extra=_add_flags,
        default_recipe=_default_recipe,
        implied=implied_by_pictures,
    )
    profile = StepRange.parse(options.profile) if options.profile is not None else None
    _refuse_mixtures(options)
    recipes = None
    if options.budget is not None:
        from engine.run.budget_recipes import budget_recipes

        recipes = budget_recipes(config, options, options.overrides)
    if options.write_split is not None:
        from common.log import log_to_console
        from engine.jobs.pictures import write_split

        log_to_console()
        print(f"splits: {printable(write_split(config.data, options.write_split))}")
        return EXIT_OK
    if options.resume in (None, AUTO):
        check_output_dir(config.output_dir, config.name)
    notes = prepare_environment(config.runtime)
    # MindSpore reads the environment when it is loaded, so whatever imports it is imported from here on.
    from engine.jobs.cross_validate import cross_validate
    from engine.jobs.train import train
    from engine.runtime.start import enter
    from report.board import write_board
    from report.page import write_report

    runtime = enter(config.runtime, config.train.seed, notes)
    if options.folds is not None:
        cross_validate(config, runtime, options.folds, options.resume, options.resume_force)
        return EXIT_OK
    if recipes is not None:
        from engine.jobs.budget import Budget, train_within

        budget = Budget(options.budget.seconds, str(options.budget), began)
        run = train_within(budget, recipes, runtime, options.resume, options.resume_force)
    else:
        run = train(config, runtime, options.resume, options.resume_force, profile)
    if runtime.is_main:
        write_board(run)
        print(f"report: {printable(write_report(run, options.lang))}")
    runtime.barrier()  # a launcher ends all ranks as soon as the first has ended
    return EXIT_OK


def _default_recipe(options: argparse.Namespace) -> Path | None:
    """The recipe where no `--config` is given: of `--pictures`, or of the run that is gone on with."""
    if options.pictures is None and options.budget is None and options.folds is None:
        return recipe_of_resumed(options.resume)
    return recipe_for_pictures(options)


def fold_count(text: str) -> int:
    """Read `--folds`."""
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"a number of folds of at least 2 was expected, not {text!r}")
    return int(text)


def _refuse_mixtures(options: argparse.Namespace) -> None:
    given = [
        f"--{name}" for name in ("profile", "budget", "folds", "write_split") if getattr(options, name) is not None
    ]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} are different things to do; leave {given[1]} or {given[0]} out")


def _add_flags(parser: argparse.ArgumentParser) -> None:
    add_pictures_flag(parser)
    add_budget_flag(parser)
    parser.add_argument(
        "--folds",
        type=fold_count,
        metavar="K",
        help="cross-validate over photos: a solved head in seconds, a recipe that trains by a run a fold",
    )
    parser.add_argument(
        "--resume", metavar="auto|PATH", help="go on: the newest unfinished run of this name and seed, a run folder, "
        "or a checkpoint"
    )  # fmt: skip
    parser.add_argument(
        "--write_split", type=Path, metavar="OUT",
        help="write which picture is in which split and train nothing: a list (OUT ends in .csv) or a folder of links, "
        "both for data.path"
    )  # fmt: skip
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="of the report (default: en)")
    parser.add_argument("--resume_force", action="store_true", help="go on although recipe or pictures are others")
    parser.add_argument(
        "--profile", metavar="steps=A:B", help="profile the steps from A to B, counted from 1, into the run folder"
    )


if __name__ == "__main__":
    open_door(main, outlives_reader=True)
