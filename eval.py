"""Evaluate a trained network on a split: accuracy with its interval, per-class scores, confusion matrix.

A run's best checkpoint:   python eval.py --run runs/lenet5_digits-seed0 --split test
A checkpoint by its path:  python eval.py --checkpoint runs/lenet5_digits-seed0/checkpoints/last.ckpt
Published weights:         python eval.py --weights weights/mobilenet_v2_imagenet.safetensors --pictures imagenet/val
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.door import EXIT_OK, open_door
from common.errors import ConfigError
from engine.run.checkpoint_flags import add_checkpoint_flags, checkpoint_of, recipe_of
from engine.runtime.environment import prepare_environment

_IMAGENET = Path(__file__).resolve().parent / "config" / "base" / "mobilenetv2_imagenet.yaml"


def main(argv: Sequence[str]) -> int:
    """Read the recipe of the data, join the other ranks, evaluate."""
    # Here, not above: what NETZOO_NETWORKS names is read with the schema, and may be bad input.
    from engine.config import parse_command_line

    config, options = parse_command_line(
        argv, prog="eval.py", description=__doc__ or "", extra=_add_flags, default_recipe=_recipe
    )
    _refuse_mixtures(options)
    notes = prepare_environment(config.runtime)
    # MindSpore reads the environment when it is loaded, so whatever imports it is imported from here on.
    from engine.jobs.evaluate import evaluate
    from engine.run.run_folder import RunFolder
    from engine.runtime.start import enter, start_runtime

    if options.weights is not None:
        from engine.jobs.evaluate_published import evaluate_published

        runtime = enter(config.runtime, config.train.seed, notes)
        evaluate_published(config, runtime, options.weights, options.pictures, options.class_map)
        return EXIT_OK
    runtime = enter(config.runtime, config.train.seed, notes, may_be_light=True)
    run = RunFolder.open(options.run) if options.run is not None else None

    def start_mindspore() -> None:
        if "mindspore" not in sys.modules:
            start_runtime(config.runtime, config.train.seed)

    evaluate(config, runtime, checkpoint_of(options), options.split, run, options.checkpoint, start_mindspore)
    return EXIT_OK


def _add_flags(parser: argparse.ArgumentParser) -> None:
    add_checkpoint_flags(parser)
    parser.add_argument("--split", choices=("train", "val", "test"), default="test", help="(default: test)")
    published = parser.add_argument_group("published weights", "As they were published, with the head that they have.")
    published.add_argument("--weights", type=Path, metavar="FILE", help="weights that no run of train.py wrote")
    published.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="folder of class folders to evaluate them on"
    )
    published.add_argument(
        "--class_map", type=Path, metavar="FILE", help="which class a folder is: .csv with the columns folder,class "
        "(an index), or .txt with the network's class names; default: folders in the order of their names"
    )  # fmt: skip


def _recipe(options: argparse.Namespace) -> Path:
    return recipe_of(options) if options.weights is None else _IMAGENET


def _refuse_mixtures(options: argparse.Namespace) -> None:
    if (options.weights is None) != (options.pictures is None):
        raise ConfigError(
            "--weights FILE and --pictures FOLDER belong together: published weights, and what to show them"
        )
    if options.class_map is not None and options.weights is None:
        raise ConfigError("--class_map is for --weights")
    if options.weights is not None and (options.run is not None or options.checkpoint != "best"):
        raise ConfigError("--weights names a network, and so does --run or --checkpoint: which one?")


if __name__ == "__main__":
    open_door(main, outlives_reader=True)
