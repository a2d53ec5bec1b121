"""Where a run goes on: which folder, which checkpoint, and whether recipe and data are still the same."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.errors import RunError
from common.files import atomic_path, read_json_lines, remove_leftovers
from engine.config import Config
from engine.run.checkpoint import Sidecar, load_state, newest_first, verify, with_unreadable_sidecar
from engine.run.lock import RunLock
from engine.run.records import EpochRecord, whole_number
from engine.run.resume_flag import AUTO
from engine.run.run_data import RunData, check_same_classes, check_same_files, read_classes
from engine.run.run_folder import RunFolder
from engine.run.unfinished import newest_unfinished

logger = logging.getLogger(__name__)

# Keys that change where or how fast a run goes, and not what comes out.
_FREE_KEYS = (
    "output_dir",
    "data.check",
    "data.cache_dir",
    "data.decoded_cache",
    "data.decoded_cache_gb",
    "data.workers",
    "data.features.cache_dir",
    "data.archive_dir",
    "train.checkpoint",
    "train.log_every",
    "train.sink",
    "runtime",
)


@dataclass(frozen=True)
class ResumePoint:
    """A run, and the checkpoint it goes on from; None starts it over in its folder.

    Args:
        run: its folder.
        checkpoint: what is gone on from.
        damaged: newer checkpoints that cannot be gone on from.
        lock: keeps other processes out of the folder.
    """

    run: RunFolder
    checkpoint: Path | None
    damaged: tuple[Path, ...] = ()
    lock: RunLock | None = None

    def clear(self) -> None:
        """Take away what is in the way of going on: damaged checkpoints, what killed writers left half-written."""
        for checkpoint in self.damaged:
            for path in checkpoint.parent.glob(f"{checkpoint.stem}.*"):
                path.rename(path.with_name(f"damaged_{path.name}"))
        self.run.checkpoints.mkdir(exist_ok=True)
        removed = sum(remove_leftovers(folder) for folder in (self.run.path, self.run.checkpoints, self.run.logs))
        if removed:
            logger.info("%s: %d half-written files of killed processes removed", self.run.path, removed)


def find_resume_point(wanted: str, config: Config, force: bool, data: RunData | None = None) -> ResumePoint | None:
    """Find where to go on, hold the folder, and change nothing in it.

    Args:
        wanted: `auto`, a run folder, or a checkpoint file.
        config: the recipe of this start.
        force: go on although the recipe or the files are others.
        data: the data of this start; None compares none.

    Returns:
        None where `auto` finds no unfinished run of this name and seed.

    Raises:
        RunError: no such run or checkpoint, one that another process writes, or, without `force`, another recipe or
            other pictures; other classes whatever `force` is.
    """
    path: Path | None = None
    if wanted == AUTO:
        found = newest_unfinished(config)
        if found is None:
            logger.info("resume auto: no unfinished run of %s, seed %d: a new one", config.name, config.train.seed)
            return None
        run, lock = found
    else:
        path = Path(wanted)
        run = _open(path if path.is_dir() else path.absolute().parent.parent)
        lock = RunLock(run.path)
    try:
        damaged: tuple[Path, ...] = ()
        if path is None or path.is_dir():
            checkpoint, damaged = _newest_good(run)
        else:
            checkpoint = _chosen(run, path)
        if checkpoint is None:
            logger.warning("resume: %s has no whole checkpoint: starting over in it", run.path)
        was = None if data is None else RunData.read(run.data)
        if data is not None:
            _check_classes(run, checkpoint, was, data)
        if (run.path / "config.yaml").is_file():
            check_recipe(run.read_config(), config, force)
        if data is not None and was is not None:
            check_same_files(run.path, was, data, force)
    except BaseException:
        lock.release()
        raise
    return ResumePoint(run, checkpoint, damaged, lock)


def different_keys(old: Config, new: Config) -> dict[str, tuple[object, object]]:
    """Return the keys that change a run's result and differ: dotted path to (old, new); more epochs are no change."""
    new = with_average_of(old, new)
    before, after = (dict(_flat(config.model_dump(mode="json"))) for config in (old, new))
    different = {
        key: (before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and not any(key == k or key.startswith(k + ".") for k in _FREE_KEYS)
    }
    if new.train.epochs > old.train.epochs:
        logger.info("train.epochs: %d, was %d; schedules run to the new end", new.train.epochs, old.train.epochs)
        different.pop("train.epochs")
    for key in ("kernels", "jit_level"):
        was, now = getattr(old.runtime, key), getattr(new.runtime, key)
        if was != now:
            logger.warning("runtime.%s: %s, was %s; what follows is rounded in another way", key, now, was)
    return different


def with_average_of(old: Config, new: Config) -> Config:
    """The new recipe, with the average's warm-up as the run has it where nothing is said: older versions had none."""
    warmup = old.train.ema_warmup
    if warmup == new.train.ema_warmup or "ema_warmup" in new.train.model_fields_set:
        return new
    return new.model_copy(update={"train": new.train.model_copy(update={"ema_warmup": warmup})})


def cut_metrics(path: Path, step: int) -> list[EpochRecord]:
    """Remove the lines after `step`, which will be written again, and the broken ones; return the epochs that stay."""
    if not path.is_file():
        return []
    lines, broken = read_json_lines(path)
    kept, epochs = [], []
    for line, values in lines:
        try:
            epoch = EpochRecord.from_json(values) if values["kind"] == "epoch" else None
            stays = whole_number(values["step"]) <= step
        except (KeyError, ValueError, OverflowError):
            broken += 1
            continue
        if stays:
            kept.append(line)
            if epoch is not None:
                epochs.append(epoch)
    if broken:
        logger.warning("%s: %d broken lines left out", path, broken)
    with atomic_path(path) as whole:
        whole.write_bytes(b"".join(line + b"\n" for line in kept))
    return epochs


def _open(path: Path) -> RunFolder:
    """A run folder that was named; what is missing beside its recipe is written anew."""
    made = path / "checkpoints"
    if (path / "config.yaml").is_file() or (made.is_dir() and not any(made.iterdir())):
        return RunFolder(path)  # or one whose run died before it had written anything
    return RunFolder.open(path)


def _newest_good(run: RunFolder) -> tuple[Path | None, tuple[Path, ...]]:
    damaged = []
    for checkpoint, error in with_unreadable_sidecar(run.checkpoints):
        logger.warning("%s; set aside", error)
        damaged.append(checkpoint)
    for checkpoint in newest_first(run.checkpoints):
        try:
            verify(checkpoint)
            load_state(checkpoint)
        except RunError as error:
            logger.warning("%s; set aside, going on from the one before", error)
            damaged.append(checkpoint)
            continue
        return checkpoint, tuple(damaged)
    return None, tuple(damaged)


def _chosen(run: RunFolder, path: Path) -> Path:
    checkpoint = path.resolve()
    sidecar = verify(checkpoint)
    later = [p for p in newest_first(run.checkpoints) if Sidecar.read(p).step > sidecar.step]
    if later:
        raise RunError(
            f"resume {path}: the run has gone further, to {later[0].name}; move the later checkpoints "
            "(.ckpt, .json, .state) away to go on from this one"
        )
    return checkpoint


def _check_classes(run: RunFolder, checkpoint: Path | None, was: RunData | None, data: RunData) -> None:
    classes = was.classes if was is not None else read_classes(run.path / "classes.json")
    if classes is not None:
        check_same_classes(f"resume {run.path}", classes, data.classes)
    for path in (checkpoint, run.checkpoints / "best.ckpt"):
        if path is None:
            continue
        try:
            sidecar = Sidecar.read(path)
        except RunError:  # a best checkpoint that is not there, or damaged: told where it is needed
            continue
        check_same_classes(f"resume {path}", sidecar.classes, data.classes)


def check_recipe(old: Config, new: Config, force: bool) -> None:
    """Refuse to go on with another recipe, or tell what differs.

    Args:
        old: what the run was started with.
        new: the recipe of this start.
        force: go on all the same.

    Raises:
        RunError: they differ, without `force`.
    """
    different = different_keys(old, new)
    if not different:
        return
    lines = "\n".join(f"  {key}: was {before}, now {after}" for key, (before, after) in different.items())
    if not force:
        raise RunError(
            f"resume: the run was started with another recipe:\n{lines}\nadd --resume_force to go on with it"
        )
    logger.warning("resume_force: going on with another recipe:\n%s", lines)


def _flat(values: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            pairs.append((prefix + key, value))
    return pairs
