"""The job of eval.py: one checkpoint, one split, one result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from common.names import printable
from datazoo.pipeline.spec import PreprocessingSpec
from engine.config import Config
from engine.jobs.agreement import check_same_recipe
from engine.jobs.evaluators import checkpoint_evaluator, explaining_network, mindspore_evaluator
from engine.jobs.pictures import open_splits
from engine.jobs.result_lines import require_finite_loss, result_line
from engine.jobs.wrong_pictures import keep_wrong_pictures
from engine.run.checkpoint import check_classes, verify
from engine.run.predictions import write_predictions
from engine.run.run_data import RunData
from engine.run.run_folder import RunFolder
from engine.runtime.start import Runtime

logger = logging.getLogger(__name__)


def evaluate(
    config: Config,
    runtime: Runtime,
    checkpoint: Path,
    split: str,
    run: RunFolder | None,
    name: str,
    start_mindspore: Callable[[], object] = lambda: None,
) -> None:
    """Run the split through the checkpoint's network once, print the result and save it in the run.

    Args:
        config: the recipe, for its data.
        runtime: device and rank.
        checkpoint: what to evaluate.
        split: train, val or test.
        run: where the result is saved; without one, or where it cannot be written, it is only printed.
        name: what the result calls the checkpoint.
        start_mindspore: called before MindSpore is needed, where it was not started yet.

    Raises:
        RunError: a checkpoint that cannot be used, or one of other classes.
    """
    sidecar = verify(checkpoint)
    check_same_recipe(runtime, config)
    splits = open_splits(config.data, runtime, needed=(split,))
    check_classes(sidecar, splits.train.classes)
    was = None if run is None else RunData.read(run.data)
    change = None if was is None else was.changes(RunData.of(splits)).get(split)
    if change is not None:
        logger.warning("%s: not the pictures that its run was started with: %s", split, change)
    spec, classes = PreprocessingSpec.model_validate(sidecar.preprocessing), sidecar.classes
    fast = checkpoint_evaluator(checkpoint, config, runtime, spec, classes, start_mindspore)
    evaluator = fast or mindspore_evaluator(checkpoint, config, runtime, spec, classes)

    if sidecar.has_seen(split):
        logger.warning(
            "val: this head was solved on val too, and has seen these pictures: the score of the head before it is in "
            "eval_val.json, which is kept"
        )
    if run is not None and not run.is_writable():
        logger.warning("%s cannot be written: the result is printed, and not saved", printable(run.path))
        run = None
    result = evaluator(splits.named(split))
    require_finite_loss(result, f"{split}, evaluated with {printable(checkpoint)}")
    print(f"{printable(checkpoint)}: epoch {sidecar.epoch}")
    print(result.table())
    print(result_line(split, result, splits))
    if run is not None and runtime.is_main and not sidecar.has_seen(split):
        leaking, chosen_on = split in splits.leaking, split in splits.chosen_on
        saved = run.write_evaluation(result, split, name, sidecar.sha256, leaking, chosen_on=chosen_on)
        predictions = write_predictions(run.path, splits.named(split), result)
        explained = partial(explaining_network, fast, checkpoint, runtime)
        keep_wrong_pictures(run.path, splits.named(split), predictions, spec, sidecar.sha256, explained)
        print(f"saved in {printable(saved)}")
