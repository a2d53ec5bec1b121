"""What evaluates a checkpoint on pictures: onnxruntime on a CPU, MindSpore elsewhere and where it must."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from common.environment import compute_threads
from common.results import EvaluationResult
from datazoo.pictures import PictureSet
from datazoo.pipeline.evaluation import outputs_of
from datazoo.pipeline.order import Shard
from datazoo.pipeline.reader import OnBadPicture
from datazoo.pipeline.spec import PreprocessingSpec
from engine.config import Config
from engine.jobs.inference import InferenceNetwork, open_in_mindspore, open_network
from engine.jobs.pooled_network import PooledNetwork, open_pooled, pooled_in_checkpoint
from engine.runtime.start import Runtime
from engine.step.metrics import ClassificationCounts

PictureEvaluator = Callable[[PictureSet], EvaluationResult]


class OnnxEvaluator:
    """Evaluates pictures by onnxruntime; every rank takes part. `pooled`: the parts that explain an answer, if any.

    Args:
        model: an ONNX file's bytes; pictures to logits.
        spec: the preprocessing.
        classes: names in label order.
        config: the recipe.
        runtime: device and rank.
    """

    def __init__(
        self, model: bytes, spec: PreprocessingSpec, classes: Sequence[str], config: Config, runtime: Runtime
    ) -> None:
        self._network, self.pooled = open_pooled(model, threads=1)
        self._spec, self._classes, self._runtime = spec, classes, runtime
        self._on_bad: OnBadPicture = "fail" if config.data.on_bad_image == "fail" else "blank"
        self._threads = config.data.workers or compute_threads()

    def __call__(self, pictures: PictureSet) -> EvaluationResult:
        """Evaluate a split."""
        runtime, counts = self._runtime, ClassificationCounts(len(self._classes))
        shard = Shard(runtime.rank, runtime.world_size)
        for logits, labels in outputs_of(pictures, self._spec, self._network, self._threads, shard, self._on_bad):
            counts.add(logits, labels)
        result = counts.result(self._classes, runtime.all_sum)
        return replace(result, answers=counts.answers(len(pictures), runtime.gather))


def uses_onnxruntime(config: Config, runtime: Runtime) -> bool:
    """Whether a checkpoint is to be evaluated by onnxruntime, if its network can be exported."""
    options = config.runtime
    return runtime.device == "CPU" and options.inference == "onnxruntime" and options.mode == "graph"


def checkpoint_evaluator(
    checkpoint: Path,
    config: Config,
    runtime: Runtime,
    spec: PreprocessingSpec,
    classes: Sequence[str],
    start_mindspore: Callable[[], object] = lambda: None,
) -> OnnxEvaluator | None:
    """Return what evaluates a checkpoint by onnxruntime; None where MindSpore has to.

    The main rank opens or makes the export and gives it to the others, which need not see its files.

    Args:
        checkpoint: what to evaluate.
        config: the recipe.
        runtime: device and rank.
        spec: the preprocessing that the checkpoint was trained with.
        classes: names in label order.
        start_mindspore: called before MindSpore is needed.
    """
    if not uses_onnxruntime(config, runtime):
        start_mindspore()
        return None
    model = b""
    if runtime.is_main:
        model = open_network(checkpoint, logits=True, start_mindspore=start_mindspore).model
    model = runtime.gather(model)[0]
    if not model:
        return None
    return OnnxEvaluator(model, spec, classes, config, runtime)


def explaining_network(evaluator: OnnxEvaluator | None, checkpoint: Path, runtime: Runtime) -> PooledNetwork | None:
    """Return the parts that explain an answer, if the network has them.

    Args:
        evaluator: what evaluated the checkpoint; None for MindSpore.
        checkpoint: that was evaluated.
        runtime: device; it is started where there is no evaluator.
    """
    return pooled_in_checkpoint(checkpoint, runtime.device) if evaluator is None else evaluator.pooled


def mindspore_evaluator(
    checkpoint: Path, config: Config, runtime: Runtime, spec: PreprocessingSpec, classes: Sequence[str]
) -> PictureEvaluator:
    """Return what evaluates a checkpoint in MindSpore, which is started; arguments as above."""
    from datazoo.pipeline.loader import eval_dataset
    from engine.step.evaluation import Evaluator

    opened: InferenceNetwork = open_in_mindspore(checkpoint, logits=True)
    evaluator = Evaluator(opened.cell, classes, runtime, config.runtime)
    data, shard = config.data, Shard(runtime.rank, runtime.world_size)
    on_bad: OnBadPicture = "fail" if data.on_bad_image == "fail" else "blank"
    batch_size = data.eval_batch_size or data.batch_size

    def evaluate(pictures: PictureSet) -> EvaluationResult:
        dataset = eval_dataset(pictures, spec, batch_size, shard, data.workers, on_bad)
        return evaluator(dataset, len(pictures))

    return evaluate
