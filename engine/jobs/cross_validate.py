"""The job of train.py --folds: how well a solved head does on pictures, and photos, that it has not seen."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import ConfigError, DataError
from common.files import atomic_path, write_json
from common.names import printable
from common.results import EvaluationResult
from datazoo.features.photos import photos_of
from datazoo.pictures import PictureSet, Splits
from engine.config import Config
from engine.jobs.agreement import check_same_recipe
from engine.jobs.feed import FeatureSource
from engine.jobs.network import build_network, load_published_weights, with_width_of_weights
from engine.jobs.pictures import open_splits
from engine.jobs.solved_head import penalty_of
from engine.run.run_folder import new_folder
from engine.runtime.start import Runtime
from engine.step.metrics import ClassificationCounts
from netzoo.closed_form import class_means_head, linear_probe_head
from netzoo.probe_penalty import fewest_groups, grouped_folds

logger = logging.getLogger(__name__)

_SHOWN_MISTAKES = 10


@dataclass(frozen=True)
class OutOfFold:
    """What heads said about pictures they were not solved on.

    Args:
        rows: (M,) which of the pool's pictures, fold by fold.
        folds: (M,) the fold, from 1, that held the picture out.
        logits: float32 (M, C).
        top1: share of right answers, by fold.
        photos: number of photos behind the pool.
    """

    rows: np.ndarray
    folds: np.ndarray
    logits: np.ndarray
    top1: tuple[float, ...]
    photos: int


def cross_validate(config: Config, runtime: Runtime, folds: int) -> Path:
    """Solve the head once a fold, on train and val less the fold, and write what the heads say about the rest.

    Args:
        config: a recipe whose head is solved on a frozen backbone and then kept.
        runtime: device and rank.
        folds: number of folds; pictures of one photo fall into one fold.

    Returns:
        The folder of folds.json and predictions.csv.

    Raises:
        ConfigError: a recipe that trains.
        DataError: a class has too few photos for so many folds.
    """
    finetune = config.finetune
    if not (finetune.freeze_layer == "backbone" and finetune.solves_head and config.train.epochs == 0):
        raise ConfigError(
            "--folds solves the head of a frozen backbone on every fold, and this recipe trains it\n"
            "use python train.py --pictures FOLDER --folds K, or set finetune.freeze_layer backbone, "
            "finetune.head_init linear_probe and train.epochs 0"
        )
    config = with_width_of_weights(config, finetune.pretrained)
    check_same_recipe(runtime, config)
    splits = open_splits(config.data, runtime, needed=("train", "val"))
    network = build_network(config.model, len(splits.train.classes))
    load_published_weights(network, finetune, splits.train.classes)
    source = FeatureSource(config, network.pooled_backbone, runtime)
    cached = [source.of(part, views=1) for part in (splits.train, splits.val)]
    values = np.concatenate([part.values[0] for part in cached])
    labels = np.concatenate([part.labels for part in cached])
    found = predict_out_of_fold(config, values, labels, folds)
    counts = ClassificationCounts(len(splits.train.classes))
    counts.add(found.logits, labels[found.rows])
    result = counts.result(splits.train.classes, lambda total: total)
    return _write(config, splits, found, labels, result) if runtime.is_main else Path()


def predict_out_of_fold(config: Config, values: np.ndarray, labels: np.ndarray, folds: int) -> OutOfFold:
    """Solve one head a fold and let it predict the fold.

    Args:
        config: the recipe, for its head and its seed.
        values: float32 (N, D) pooled features.
        labels: (N,).
        folds: number of folds.

    Raises:
        DataError: a class has too few photos.
    """
    photos = photos_of(values, labels)
    if fewest_groups(labels, photos) < folds:
        few = [int(c) for c in np.unique(labels) if len(np.unique(photos[labels == c])) < folds]
        raise DataError(
            f"--folds {folds}: {len(few)} class(es) show fewer than {folds} photos (copies of one count once); "
            f"use --folds {max(2, fewest_groups(labels, photos))} or add pictures"
        )
    finetune, rows, logits, of_fold, top1 = config.finetune, [], [], [], []
    for fold, (train, held) in enumerate(grouped_folds(labels, photos, folds, config.data.split_seed), 1):
        if finetune.head_init == "class_means":
            weight, bias = class_means_head(values[train], labels[train])
        else:
            l2 = penalty_of(finetune, values[train], labels[train])
            weight, bias = linear_probe_head(values[train], labels[train], l2=l2)
        rows.append(held)
        logits.append(values[held] @ weight.T + bias)
        of_fold.append(np.full(len(held), fold))
        top1.append(float((logits[-1].argmax(axis=1) == labels[held]).mean()))
        print(f"fold {fold}/{folds}: top-1 {top1[-1]:.2%} on {len(held)} pictures", flush=True)
    return OutOfFold(
        np.concatenate(rows), np.concatenate(of_fold), np.concatenate(logits), tuple(top1), int(photos.max()) + 1
    )


def _write(config: Config, splits: Splits, found: OutOfFold, labels: np.ndarray, result: EvaluationResult) -> Path:
    folder = new_folder(config.output_dir, f"{config.name}-folds{len(found.top1)}-seed{config.data.split_seed}")
    spread = {"mean": float(np.mean(found.top1)), "min": min(found.top1), "max": max(found.top1)}
    write_json(
        folder / "folds.json",
        {
            "folds": len(found.top1),
            "photos": found.photos,
            "top1_by_fold": {**spread, "values": list(found.top1)},
            "classes": list(splits.train.classes),
            **result.to_json(),
        },
    )
    lines = prediction_lines([splits.train, splits.val], found, labels)
    with atomic_path(folder / "predictions.csv") as path, path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, ["path", "label", "predicted", "confidence", "fold"])
        table.writeheader()
        table.writerows(lines)
    print(result.table())
    wrong = [line for line in lines if line["label"] != line["predicted"]]
    if wrong:
        print(f"surest mistakes, and so the likeliest wrong labels, of {len(wrong)}:")
    for line in wrong[:_SHOWN_MISTAKES]:
        print(
            f"  {printable(line['path'])}: labelled {printable(line['label'])}, "
            f"taken for {printable(line['predicted'])} ({float(line['confidence']):.1%})"
        )
    print(f"folds: top-1 {spread['mean']:.2%} on average ({spread['min']:.2%} to {spread['max']:.2%})")
    print(f"all {result.n} pictures of {found.photos} photos, each by a head that had not seen its photo: {result}")
    print(f"saved in {printable(folder)}: folds.json, predictions.csv")
    return folder


def prediction_lines(pool: Sequence[PictureSet], found: OutOfFold, labels: np.ndarray) -> list[dict[str, str]]:
    """Return one line a picture: wrong answers first, the surest of them at the top.

    Args:
        pool: the pictures that `found.rows` counts through.
        found: the predictions.
        labels: (N,) of the pool.
    """
    names = [str(path) for part in pool for path in part.files or (f"{part.split}[{i}]" for i in range(len(part)))]
    classes = pool[0].classes
    shifted = found.logits - found.logits.max(axis=1, keepdims=True)
    probability = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    predicted, confidence = probability.argmax(axis=1), probability.max(axis=1)
    order = np.lexsort((-confidence, predicted == labels[found.rows]))
    return [
        {
            "path": names[found.rows[i]],
            "label": classes[labels[found.rows[i]]],
            "predicted": classes[predicted[i]],
            "confidence": f"{confidence[i]:.4f}",
            "fold": str(found.folds[i]),
        }
        for i in order
    ]
