"""The score of a run on the pictures that had no say in it, once it is the one that is kept."""

from __future__ import annotations

from functools import partial

from datazoo.doctor.copies import held_out_parts
from datazoo.pictures import Splits
from engine.jobs.evaluators import checkpoint_evaluator, explaining_network, mindspore_evaluator
from engine.jobs.result_lines import require_finite_loss, result_line
from engine.jobs.wrong_pictures import keep_wrong_pictures
from engine.run.checkpoint import verify
from engine.run.predictions import write_predictions
from engine.run.run_folder import RunFolder
from engine.runtime.start import Runtime


def score_on_test(run: RunFolder, splits: Splits, runtime: Runtime) -> dict[str, float]:
    """Evaluate the best checkpoint on test, and write the result into the run.

    Args:
        run: its folder.
        splits: with test, or without.
        runtime: device; one process.

    Returns:
        Top-1 by split: `test`, and `test_unseen` where test leaks; nothing where there is no test.
    """
    best, config = run.checkpoints / "best.ckpt", run.read_config()
    spec, classes, sha256 = config.data.preprocessing, splits.train.classes, verify(best).sha256
    pictures = {part.split: part for part in held_out_parts(splits) if part.split != "val"}
    if not pictures:
        return {}
    fast = checkpoint_evaluator(best, config, runtime, spec, classes)
    evaluator = fast or mindspore_evaluator(best, config, runtime, spec, classes)

    explained = partial(explaining_network, fast, best, runtime)
    top1 = {}
    for split, part in pictures.items():
        result = evaluator(part)
        require_finite_loss(result, f"{split}, evaluated with {best}")
        run.write_evaluation(result, split, "best", sha256, split in splits.leaking)
        keep_wrong_pictures(run.path, part, write_predictions(run.path, part, result), spec, sha256, explained)
        print(result_line(split, result, splits))
        top1[split] = result.top1
    return top1
