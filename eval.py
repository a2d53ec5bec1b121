"""Evaluate a trained network on a split: accuracy with its interval, per-class scores, confusion matrix.

A run's best checkpoint:   python eval.py --run runs/lenet5_digits-seed0 --split test
A checkpoint by its path:  python eval.py --checkpoint runs/lenet5_digits-seed0/checkpoints/last.ckpt
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from common.door import EXIT_OK, run_door
from engine.run.checkpoint_flags import add_checkpoint_flags, checkpoint_of, recipe_of
from engine.runtime.environment import prepare_environment


def main(argv: Sequence[str]) -> int:
    """Restore the network, run the split through it once, print and save the result."""
    # Here, not above: what NETZOO_NETWORKS names is read with the schema, and may be bad input.
    from engine.config import parse_command_line

    config, options = parse_command_line(
        argv, prog="eval.py", description=__doc__ or "", extra=_add_flags, default_recipe=recipe_of
    )
    notes = prepare_environment(config.runtime)
    # MindSpore reads the environment when it is loaded, so whatever imports it is imported from here on.
    from common.log import log_to_console, mute_console
    from datazoo.pipeline.loader import eval_dataset
    from datazoo.pipeline.spec import PreprocessingSpec
    from engine.jobs.assemble import open_pictures
    from engine.jobs.restore import check_classes, restore_network
    from engine.run.run_folder import RunFolder
    from engine.runtime.start import start_runtime
    from engine.step.evaluation import Evaluator

    log_to_console()
    for note in notes:
        print(note)
    runtime = start_runtime(config.runtime, config.train.seed)
    if not runtime.is_main:
        mute_console()
    if not runtime.is_main:
        mute_console()
    checkpoint = checkpoint_of(options)
    network, sidecar = restore_network(checkpoint)
    pictures = open_pictures(config.data)
    check_classes(sidecar, pictures.test.classes)
    split = getattr(pictures, options.split)
    dataset = eval_dataset(
        split,
        PreprocessingSpec.model_validate(sidecar.preprocessing),
        config.data.eval_batch_size or config.data.batch_size,
        rank=runtime.rank,
        size=runtime.size,
        workers=config.data.workers,
    )
    result = Evaluator(network, sidecar.classes, runtime)(dataset)
    leaking = options.split in pictures.leaking
    print(f"{checkpoint}: epoch {sidecar.epoch}")
    print(result.table())
    print(f"{options.split}{' (LEAKING: holds training pictures)' if leaking else ''}: {result}")
    if options.run is not None and runtime.is_main:
        path = RunFolder.open(options.run).write_evaluation(
            result, options.split, options.checkpoint, sidecar.sha256, leaking
        )
        print(f"saved in {path}")
    return EXIT_OK


def _add_flags(parser: argparse.ArgumentParser) -> None:
    add_checkpoint_flags(parser)
    parser.add_argument("--split", choices=("train", "val", "test"), default="test", help="(default: test)")


if __name__ == "__main__":
    sys.exit(run_door(main, sys.argv[1:]))
