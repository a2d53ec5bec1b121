"""Evaluate a trained network on a split: accuracy with its interval, per-class scores, confusion matrix.

A run's best checkpoint:   python eval.py --run runs/lenet5_digits-seed0 --split test
A checkpoint by its path:  python eval.py --checkpoint runs/lenet5_digits-seed0/checkpoints/last.ckpt
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from common.door import EXIT_OK, open_door
from engine.run.checkpoint_flags import add_checkpoint_flags, checkpoint_of, recipe_of
from engine.runtime.environment import prepare_environment


def main(argv: Sequence[str]) -> int:
    """Read the recipe of the data, join the other ranks, evaluate."""
    # Here, not above: what NETZOO_NETWORKS names is read with the schema, and may be bad input.
    from engine.config import parse_command_line

    config, options = parse_command_line(
        argv, prog="eval.py", description=__doc__ or "", extra=_add_flags, default_recipe=recipe_of
    )
    notes = prepare_environment(config.runtime)
    # MindSpore reads the environment when it is loaded, so whatever imports it is imported from here on.
    from engine.jobs.evaluate import evaluate
    from engine.run.run_folder import RunFolder
    from engine.runtime.start import enter

    runtime = enter(config.runtime, config.train.seed, notes)
    run = RunFolder.open(options.run) if options.run is not None else None
    evaluate(config, runtime, checkpoint_of(options), options.split, run, options.checkpoint)
    return EXIT_OK


def _add_flags(parser: argparse.ArgumentParser) -> None:
    add_checkpoint_flags(parser)
    parser.add_argument("--split", choices=("train", "val", "test"), default="test", help="(default: test)")


if __name__ == "__main__":
    open_door(main, outlives_reader=True)
