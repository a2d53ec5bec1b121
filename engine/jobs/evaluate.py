"""The job of eval.py: one checkpoint, one split, one result."""

from __future__ import annotations

import logging
from pathlib import Path

from common.names import printable
from datazoo.pipeline.loader import eval_dataset
from datazoo.pipeline.order import Shard
from datazoo.pipeline.spec import PreprocessingSpec
from engine.config import Config
from engine.jobs.pictures import open_splits
from engine.jobs.restore import check_classes, restore_network
from engine.jobs.results import require_finite_loss, result_line
from engine.run.run_data import RunData
from engine.run.run_folder import RunFolder
from engine.runtime.start import Runtime
from engine.step.evaluation import Evaluator

logger = logging.getLogger(__name__)


def evaluate(config: Config, runtime: Runtime, checkpoint: Path, split: str, run: RunFolder | None, name: str) -> None:
    """Restore the network, run the split through it once, print the result and save it in the run.

    Args:
        config: the recipe, for its data.
        runtime: device and rank.
        checkpoint: what to evaluate.
        split: train, val or test.
        run: where the result is saved; None only prints it.
        name: what the result calls the checkpoint.

    Raises:
        RunError: a checkpoint that cannot be used, or one of other classes.
    """
    network, sidecar = restore_network(checkpoint)
    splits = open_splits(config.data)
    check_classes(sidecar, splits.train.classes)
    was = None if run is None else RunData.read(run.data)
    change = None if was is None else was.changes(RunData.of(splits)).get(split)
    if change is not None:
        logger.warning("%s: not the pictures that its run was started with: %s", split, change)
    dataset = eval_dataset(
        splits.named(split),
        PreprocessingSpec.model_validate(sidecar.preprocessing),
        config.data.eval_batch_size or config.data.batch_size,
        Shard(runtime.rank, runtime.world_size),
        config.data.workers,
        "fail" if config.data.on_bad_image == "fail" else "blank",
    )
    result = Evaluator(network, sidecar.classes, runtime)(dataset)
    require_finite_loss(result, f"{split}, evaluated with {printable(checkpoint)}")
    print(f"{printable(checkpoint)}: epoch {sidecar.epoch}")
    print(result.table())
    print(result_line(split, result, splits))
    if run is not None and runtime.is_main:
        saved = run.write_evaluation(result, split, name, sidecar.sha256, split in splits.leaking)
        print(f"saved in {printable(saved)}")
