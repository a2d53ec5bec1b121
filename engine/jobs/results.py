"""What a finished run has to show."""

from __future__ import annotations

from collections.abc import Mapping

from mindspore import nn

from common.errors import TrainingError
from common.finite import is_finite
from common.names import printable
from common.results import EvaluationResult
from datazoo.pictures import Splits
from engine.config import Config
from engine.jobs.feed import Feed
from engine.run.checkpoint import read_checkpoint, verify
from engine.run.run_data import check_same_classes
from engine.run.run_folder import RunFolder
from engine.runtime.parameters import assign_all
from engine.runtime.start import Runtime
from engine.step.evaluation import Evaluator
from netzoo.adapter_file import save_adapter
from netzoo.count import changed_bytes, count_parameters

_TAKE_ANOTHER = "take another checkpoint, or train again with a lower optimizer.lr or amp.level"


def evaluate_best(
    run: RunFolder, network: nn.Cell, feed: Feed, evaluator: Evaluator, splits: Splits, runtime: Runtime
) -> dict[str, EvaluationResult]:
    """Load the best checkpoint into the network and evaluate the held-out splits with it."""
    best = run.checkpoints / "best.ckpt"
    if runtime.is_main:
        check_same_classes(f"{best}", verify(best).classes, splits.train.classes)
        assign_all(network, read_checkpoint(best))
    runtime.broadcast(network)
    results: dict[str, EvaluationResult] = {}
    for split, dataset in feed.held_out.items():
        results[split] = result = evaluator(dataset)
        require_finite_loss(result, f"{split}, evaluated with {best}")
        if runtime.is_main:
            run.write_evaluation(result, split, "best", verify(best).sha256, split in splits.leaking)
        print(result_line(split, result, splits))
    return results


def require_finite_loss(result: EvaluationResult, where: str, remedy: str = _TAKE_ANOTHER) -> None:
    """Refuse a result of a network whose answers are not numbers.

    Args:
        result: of one split.
        where: which split, and with what.
        remedy: what to do.

    Raises:
        TrainingError: the loss is NaN or infinite.
    """
    if not is_finite(result.loss):
        raise TrainingError(f"the loss is {result.loss} on {where}: the network's outputs are not finite\n{remedy}")


def result_line(split: str, result: EvaluationResult, splits: Splits) -> str:
    """One line about a split, with a warning where training pictures are in it."""
    return f"{split}{' (LEAKING: holds training pictures)' if split in splits.leaking else ''}: {result}"


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
