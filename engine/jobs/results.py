"""What a finished run has to show."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from mindspore import nn

from common.files import atomic_link
from common.names import printable
from common.results import EvaluationResult
from datazoo.doctor.copies import held_out_parts
from datazoo.pictures import Splits
from engine.config import Config
from engine.jobs.evaluators import checkpoint_evaluator, explaining_network
from engine.jobs.feed import Feed
from engine.jobs.refit import Refit
from engine.jobs.result_lines import require_finite_loss, result_line
from engine.jobs.wrong_pictures import keep_wrong_pictures
from engine.run.checkpoint import read_checkpoint, verify
from engine.run.predictions import write_predictions
from engine.run.run_data import check_same_classes
from engine.run.run_folder import RunFolder
from engine.runtime.parameters import assign_all
from engine.runtime.start import Runtime
from engine.step.evaluation import Evaluator
from netzoo.adapter_file import save_adapter
from netzoo.count import changed_bytes, count_parameters


def evaluate_best(
    config: Config,
    run: RunFolder,
    network: nn.Cell,
    feed: Feed,
    evaluator: Evaluator,
    splits: Splits,
    runtime: Runtime,
    refit: Refit | None = None,
) -> dict[str, EvaluationResult]:
    """Load the best checkpoint into the network and evaluate the held-out splits with it.

    Where pictures are fed, as eval.py will: what it makes of the checkpoint is kept for it. A head that is solved again
    on val is scored on val before, and on the other splits after.
    """
    best = run.checkpoints / "best.ckpt"
    if runtime.is_main:
        if (before := verify(best).refit_of) is not None:  # the run was stopped after its refit
            atomic_link(best, before)
        check_same_classes(f"{best}", verify(best).classes, splits.train.classes)
        assign_all(network, read_checkpoint(best))
    runtime.broadcast(network)
    of_pictures = None
    if not config.data.features.enabled:
        of_pictures = checkpoint_evaluator(best, config, runtime, config.data.preprocessing, splits.train.classes)
    explained = partial(explaining_network, of_pictures, best, runtime)
    results: dict[str, EvaluationResult] = {}
    parts = held_out_parts(splits)
    *_, shown = (part.split for part in parts if part.split == "val" or part.split not in splits.leaking)
    for pictures in parts:
        split, dataset = pictures.split, feed.held_out[pictures.split]
        results[split] = result = evaluator(dataset, len(pictures)) if of_pictures is None else of_pictures(pictures)
        require_finite_loss(result, f"{split}, evaluated with {best}")
        if runtime.is_main:
            before_refit = refit is not None and split == "val"
            sha256 = verify(best).sha256
            leaking, chosen_on = split in splits.leaking, split in splits.chosen_on
            run.write_evaluation(result, split, "best", sha256, leaking, before_refit, chosen_on)
            predictions = write_predictions(run.path, pictures, result)
            if split == shown:  # by the report
                keep_wrong_pictures(run.path, pictures, predictions, config.data.preprocessing, sha256, explained)
        print(result_line(split, result, splits))
        if refit is not None and split == "val":
            refit.keep(best)
    return results


def save_what_changed(config: Config, network: nn.Cell, run: RunFolder) -> int:
    """Write the adapter file of a LoRA run; return the size of what must be kept beside the published weights."""
    if not config.finetune.lora.enabled:
        return changed_bytes(network)
    adapter = run.path / "adapter.safetensors"
    save_adapter(network, adapter)
    size_bytes = adapter.stat().st_size
    print(f"adapter of the best checkpoint: {printable(adapter)} ({size_bytes:,} bytes)")
    return size_bytes


def parameter_counts(network: nn.Cell) -> Mapping[str, int]:
    """Number of values in all parameters, and in those that train."""
    counts = count_parameters(network)
    return {"total": counts.total, "trainable": counts.trainable}
