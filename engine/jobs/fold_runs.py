"""Cross-validation of a recipe that trains: a run a fold, each kept as soon as it is finished."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import mindspore as ms
import numpy as np

from common.errors import ConfigError, DataError, RunError, RunStopped
from common.names import printable
from datazoo.features.photos import photos_of
from datazoo.photos.memory import PhotoMemory
from datazoo.pictures import PictureSet, Splits, pooled
from engine.config import Config
from engine.jobs.feed import FeatureSource
from engine.jobs.fold_report import OutOfFold, write_folds
from engine.jobs.network import build_network, load_published_weights
from engine.jobs.pictures import open_splits
from engine.jobs.start import Start
from engine.jobs.train import checked, settled, train_on
from engine.run.lock import RunLock
from engine.run.resume import check_recipe
from engine.run.run_data import RunData, check_same_files
from engine.run.run_folder import RunFolder, new_folder
from engine.runtime.start import Runtime
from engine.step.metrics import ClassificationCounts
from netzoo.probe_penalty import fewest_groups, grouped_folds
from report.predictions import read_predictions

logger = logging.getLogger(__name__)

RUNS = "runs"
_NAMED = 5


def train_folds(config: Config, runtime: Runtime, folds: int, resume: str | None, force: bool) -> Path:
    """Train once a fold, on train and val less the fold, and write what the networks say about the rest.

    Args:
        config: the recipe; of its epochs the last one counts, since choosing one by the fold would flatter it.
        runtime: device; one process.
        folds: number of folds; pictures of one photo fall into one fold.
        resume: `auto` or a folder of an earlier start, whose finished folds are not repeated; None starts anew.
        force: go on although recipe or pictures are others.

    Raises:
        ConfigError: several processes.
        DataError: a class has too few photos for so many folds.
        RunError: `resume` names no such folder, or one of another recipe or other pictures.
        RunStopped: after a signal, when everything is saved.
    """
    if runtime.world_size > 1:
        raise ConfigError("--folds trains in one process: leave the launcher out")
    config = _without_choosing(checked(config, runtime))
    splits = open_splits(config.data, runtime, needed=("train", "val"))
    pool = pooled((splits.train, splits.val), "train")
    photos = _photos(config, pool, runtime)
    check_enough_photos(pool.labels, photos, folds, pool.classes)
    folder = _folder(config, folds, resume)
    lock = RunLock(folder)
    lock.sign()
    try:
        parts = list(grouped_folds(pool.labels, photos, folds, config.data.split_seed))
        runs = [
            _run_of_fold(config, splits, pool, rows, runtime, folder, f"{fold}/{folds}", resume is not None, force)
            for fold, rows in enumerate(parts, 1)
        ]
        found = _together(runs, [held for _, held in parts], pool, int(photos.max()) + 1)
        write_folds(folder, (splits.train, splits.val), found, "network")
    finally:
        lock.release()
    return folder


def check_enough_photos(labels: np.ndarray, photos: np.ndarray, folds: int, classes: Sequence[str]) -> None:
    """Refuse more folds than a class has photos.

    Args:
        labels: (N,).
        photos: (N,), each picture's photo.
        folds: number of folds.
        classes: their names, in label order.

    Raises:
        DataError: a class has too few; the message says which, and how many folds go.
    """
    fewest = fewest_groups(labels, photos)
    if fewest >= folds:
        return
    few = [classes[int(c)] for c in np.unique(labels) if len(np.unique(photos[labels == c])) < folds]
    named = ", ".join(map(printable, few[:_NAMED])) + (f" and {len(few) - _NAMED} more" if len(few) > _NAMED else "")
    remedy = f"use --folds {fewest} or add pictures" if fewest > 1 else "add pictures, or leave such classes out"
    raise DataError(f"--folds {folds}: fewer than {folds} photos of {named} (copies of one count once); {remedy}")


def _without_choosing(config: Config) -> Config:
    stopping = config.train.early_stopping
    if stopping.monitor != "epoch" or stopping.enabled:
        print("the last epoch of every fold counts: one that was chosen by the fold would look too good")
    last = stopping.model_copy(update={"monitor": "epoch", "enabled": False})
    return config.model_copy(
        update={
            "train": config.train.model_copy(update={"early_stopping": last}),
            "finetune": config.finetune.model_copy(update={"refit_on_val": False}),
        }
    )


def _photos(config: Config, pool: PictureSet, runtime: Runtime) -> np.ndarray:
    """Each picture's photo: by features of the published backbone, as for a solved head, or by the pictures' looks."""
    if not (config.model.has_backbone and config.finetune.pretrained):
        return PhotoMemory(config.data.cache_dir / "photos").groups(pool)
    network = build_network(config.model, len(pool.classes))
    load_published_weights(network, config.finetune, pool.classes)
    values = FeatureSource(config, network.pooled_backbone, runtime).of(pool, views=1).values[0]
    return photos_of(values, pool.labels)


def _folder(config: Config, folds: int, resume: str | None) -> Path:
    stem = f"{config.name}-folds{folds}-seed{config.data.split_seed}"
    if resume not in (None, "auto"):
        path = Path(resume or "")
        if not (path / RUNS).is_dir():
            raise RunError(f"--resume {printable(path)}: not the folder of a start of --folds that trained")
        return path
    if resume == "auto":
        unfinished = [
            path
            for path in (config.output_dir / stem, *config.output_dir.glob(f"{stem}-*"))
            if (path / RUNS).is_dir() and not (path / "folds.json").is_file()
        ]
        if unfinished:
            return max(unfinished, key=lambda path: path.stat().st_mtime)
        logger.info("resume auto: no unfinished %s: a new one", stem)
    return new_folder(config.output_dir, stem, RUNS)


def _run_of_fold(
    config: Config,
    splits: Splits,
    pool: PictureSet,
    rows: tuple[np.ndarray, ...],
    runtime: Runtime,
    folder: Path,
    fold: str,
    goes_on: bool,
    force: bool,
) -> RunFolder:
    """Train on one part and score the other, unless that was done before; return the run."""
    train, held = rows
    part = Splits(pool.subset(train, "train"), pool.subset(held, "val"), None, folders=splits.folders, made=("val",))
    name = f"fold{fold.partition('/')[0]}"
    own = config.model_copy(update={"name": name, "output_dir": folder / RUNS})
    run = RunFolder(folder / RUNS / f"{name}-seed{config.train.seed}")
    if goes_on and _is_finished(run):
        check_recipe(run.read_config(), settled(own, part, runtime), force)
        if (was := RunData.read(run.data)) is not None:
            check_same_files(run.path, was, RunData.of(part), force)
        print(f"fold {fold}: done before, in {printable(run.path)}")
        return run
    print(f"fold {fold}: {len(train)} pictures to train on, {len(held)} held out", flush=True)
    ms.set_seed(config.train.seed)  # a fold is the same wherever the folds before it were trained
    start = Start(str(run.path) if goes_on and run.path.is_dir() else None, force and goes_on)
    try:
        run = RunFolder(train_on(part, own, runtime, start).path)
    except RunStopped as stopped:
        words = str(stopped).split("; go on")[0]
        raise RunStopped(
            f"{words} of fold {fold}; go on with --resume {printable(folder)}", stopped.exit_code - 128
        ) from stopped
    return run


def _is_finished(run: RunFolder) -> bool:
    try:
        return bool(json.loads((run.path / "status.json").read_text(encoding="utf-8"))["state"] == "finished")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _together(runs: Sequence[RunFolder], held: Sequence[np.ndarray], pool: PictureSet, photos: int) -> OutOfFold:
    """Read what every fold's run wrote about the pictures that it had not seen."""
    place = {name: label for label, name in enumerate(pool.classes)}
    counts = ClassificationCounts(len(pool.classes))
    predicted: list[int] = []
    confidence: list[float] = []
    top1 = []
    for run, rows in zip(runs, held, strict=True):
        answers = read_predictions(run.path, "val") or ()
        if len(answers) != len(rows):
            raise DataError(
                f"{run.path}: predictions of {len(answers)} of {len(rows)} pictures; some cannot be read any more: "
                "python -m datazoo.doctor FOLDER names them"
            )
        values = json.loads((run.path / "eval_val.json").read_text(encoding="utf-8"))
        counts.confusion += np.array(values["confusion"], np.int64)
        counts.top5_hits += round(values["top5"] * values["n"])
        counts.loss_sum += values["loss"] * values["n"]
        predicted += [place[answer.predicted] for answer in answers]
        confidence += [answer.confidence for answer in answers]
        top1.append(float(values["top1"]))
        print(f"fold {len(top1)}/{len(runs)}: top-1 {top1[-1]:.2%} on {len(rows)} pictures", flush=True)
    folds = np.concatenate([np.full(len(rows), fold) for fold, rows in enumerate(held, 1)])
    result = counts.result(pool.classes, lambda total: total)
    return OutOfFold(
        np.concatenate(held), folds, np.array(predicted), np.array(confidence), tuple(top1), photos, result
    )
