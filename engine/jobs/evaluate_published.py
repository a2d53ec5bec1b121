"""The other job of eval.py: published weights as they are published, on folders of pictures."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from common.errors import WeightsError
from common.names import printable
from common.results import EvaluationResult
from datazoo.pipeline.loader import eval_dataset
from datazoo.pipeline.order import Shard
from datazoo.pipeline.spec import PreprocessingSpec
from datazoo.sources.class_map import load_mapped
from engine.config import Config
from engine.jobs.network import build_network, with_width_of_weights
from engine.jobs.result_lines import require_finite_loss
from engine.runtime.start import Runtime
from engine.step.evaluation import Evaluator
from netzoo.published_weights import evaluation_of
from netzoo.weights import load_weights, read_weights
from netzoo.weights.files import layout_of

logger = logging.getLogger(__name__)


def evaluate_published(
    config: Config, runtime: Runtime, weights_file: Path, folder: Path, class_map: Path | None
) -> EvaluationResult:
    """Run pictures through a network with its published head, and print the result.

    Args:
        config: the recipe; its preprocessing wins where it sets a value.
        runtime: device and rank.
        weights_file: what `netzoo.weights.read_weights` reads, head and all.
        folder: of class folders.
        class_map: see `datazoo.sources.class_map.load_mapped`.

    Raises:
        WeightsError: a file that cannot be read, has no head, or does not fit the network.
        DataError: pictures or classes that cannot be used.
    """
    weights = read_weights(weights_file)
    if "dense.bias" not in weights:
        raise WeightsError(
            f"{weights_file}: no classifier found in it, and without one there are no answers to evaluate"
        )
    num_classes = len(weights["dense.bias"])
    pictures = load_mapped(folder, num_classes, class_map)
    spec = preprocessing_for(config.data.preprocessing, weights_file)
    network = build_network(with_width_of_weights(config, weights_file).model, num_classes)
    logger.info("%s: %s", weights_file, load_weights(network, weights))
    dataset = eval_dataset(
        pictures,
        spec,
        config.data.eval_batch_size or config.data.batch_size,
        Shard(runtime.rank, runtime.world_size),
        config.data.workers,
        "fail" if config.data.on_bad_image == "fail" else "blank",
    )
    result = of_classes_shown(Evaluator(network, pictures.classes, runtime, config.runtime)(dataset))
    require_finite_loss(result, f"{folder}, evaluated with {weights_file}", "fetch the weights again")
    print(f"{printable(weights_file)}: resize {spec.resize}, {spec.interpolation}, crop {spec.image_size}")
    print(result.table())
    print(f"{printable(folder)}, {len(result.per_class)} of {num_classes} classes shown: {result}")
    return result


def preprocessing_for(chosen: PreprocessingSpec, weights_file: Path) -> PreprocessingSpec:
    """Return the preprocessing that weights were published with, but for what somebody chose; one line says which."""
    published = evaluation_of(weights_file, layout_of(weights_file))
    if published is None:
        logger.info("%s: says nothing of its preprocessing; the recipe's is taken", weights_file)
        return chosen
    values = {"resize": published.resize, "interpolation": published.interpolation}
    logger.info("%s: published by %s, with resize %d, %s", weights_file, published.publisher, *values.values())
    kept = {key: value for key, value in values.items() if key not in chosen.model_fields_set}
    return chosen.model_copy(update=kept)


def of_classes_shown(result: EvaluationResult) -> EvaluationResult:
    """Leave classes without a picture out of the table and of the mean of F1; the rest counts all classes."""
    shown = tuple(score for score in result.per_class if score.n)
    return replace(result, per_class=shown, macro_f1=sum(score.f1 for score in shown) / len(shown))
