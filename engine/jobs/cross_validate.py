"""The job of train.py --folds: how well a recipe does on pictures, and photos, that it has not seen."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from common.errors import ConfigError
from datazoo.features.photos import photos_of
from engine.config import Config
from engine.jobs.agreement import check_same_recipe
from engine.jobs.feed import FeatureSource
from engine.jobs.fold_report import OutOfFold, write_folds
from engine.jobs.fold_runs import check_enough_photos, train_folds
from engine.jobs.network import build_network, load_published_weights, with_width_of_weights
from engine.jobs.pictures import open_splits
from engine.jobs.solved_head import penalty_of
from engine.run.run_folder import new_folder
from engine.runtime.start import Runtime
from engine.step.metrics import ClassificationCounts
from netzoo.closed_form import class_means_head, linear_probe_head
from netzoo.probe_penalty import grouped_folds

logger = logging.getLogger(__name__)


def cross_validate(
    config: Config, runtime: Runtime, folds: int, resume: str | None = None, resume_force: bool = False
) -> Path:
    """Solve or train once a fold, on train and val less the fold, and write what comes out about the rest.

    Args:
        config: the recipe.
        runtime: device and rank.
        folds: number of folds; pictures of one photo fall into one fold.
        resume: `auto` or a folder whose finished folds are kept; of a recipe that trains.
        resume_force: go on although recipe or pictures are others.

    Returns:
        The folder of folds.json and predictions.csv.

    Raises:
        ConfigError: a recipe that neither trains nor solves the head of a frozen backbone.
        DataError: a class has too few photos for so many folds.
    """
    if config.train.epochs > 0:
        return train_folds(config, runtime, folds, resume, resume_force)
    if resume is not None:
        raise ConfigError("--resume: a head is solved on all folds in seconds; start --folds without it")
    if not (config.finetune.freeze_layer == "backbone" and config.finetune.solves_head):
        raise ConfigError(
            "--folds without training solves the head of a frozen backbone, and this recipe does not freeze it\n"
            "set finetune.freeze_layer backbone, or train.epochs 1 or more"
        )
    return _solve_folds(config, runtime, folds)


def _solve_folds(config: Config, runtime: Runtime, folds: int) -> Path:
    config = with_width_of_weights(config, config.finetune.pretrained)
    check_same_recipe(runtime, config)
    splits = open_splits(config.data, runtime, needed=("train", "val"))
    network = build_network(config.model, len(splits.train.classes))
    load_published_weights(network, config.finetune, splits.train.classes)
    source = FeatureSource(config, network.pooled_backbone, runtime)
    pool = (splits.train, splits.val)
    cached = [source.of(part, views=1) for part in pool]
    values = np.concatenate([part.values[0] for part in cached])
    labels = np.concatenate([part.labels for part in cached])
    found = predict_out_of_fold(config, values, labels, splits.train.classes, folds)
    if not runtime.is_main:
        return Path()
    folder = new_folder(config.output_dir, f"{config.name}-folds{folds}-seed{config.data.split_seed}")
    write_folds(folder, pool, found, "head")
    return folder


def predict_out_of_fold(
    config: Config, values: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], folds: int
) -> OutOfFold:
    """Solve one head a fold and let it predict the fold.

    Args:
        config: the recipe, for its head and its seed.
        values: float32 (N, D) pooled features.
        labels: (N,).
        classes: names in label order.
        folds: number of folds.

    Raises:
        DataError: a class has too few photos.
    """
    photos = photos_of(values, labels)
    check_enough_photos(labels, photos, folds, classes)
    finetune, counts = config.finetune, ClassificationCounts(len(classes))
    rows, of_fold, top1 = [], [], []
    for fold, (train, held) in enumerate(grouped_folds(labels, photos, folds, config.data.split_seed), 1):
        if finetune.head_init == "class_means":
            weight, bias = class_means_head(values[train], labels[train])
        else:
            l2 = penalty_of(finetune, values[train], labels[train])
            weight, bias = linear_probe_head(values[train], labels[train], l2=l2)
        logits = values[held] @ weight.T + bias
        counts.add(logits, labels[held])
        rows.append(held)
        of_fold.append(np.full(len(held), fold))
        top1.append(float((logits.argmax(axis=1) == labels[held]).mean()))
        print(f"fold {fold}/{folds}: top-1 {top1[-1]:.2%} on {len(held)} pictures", flush=True)
    everything = np.concatenate(rows)
    answers = counts.answers(len(everything), lambda mine: [mine])
    return OutOfFold(
        everything,
        np.concatenate(of_fold),
        np.array([answer.predicted for answer in answers]),
        np.array([answer.confidence for answer in answers]),
        tuple(top1),
        int(photos.max()) + 1,
        counts.result(classes, lambda total: total),
    )
