"""Where a run goes on: which folder, which checkpoint, and whether the recipe is still the same."""

from __future__ import annotations

import json
import logging
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from common.errors import RunError
from common.files import atomic_path
from engine.config import Config
from engine.run.checkpoint import Sidecar, load_state, newest_first, verify
from engine.run.records import EpochRecord
from engine.run.run_folder import RunFolder
from engine.runtime.start import Runtime

logger = logging.getLogger(__name__)

# Keys that change where or how fast a run goes, and not what comes out.
_FREE_KEYS = ("output_dir", "data.workers", "data.features.cache_dir", "train.checkpoint", "train.log_every", "runtime")


@dataclass(frozen=True)
class ResumePoint:
    """A run, and the checkpoint it goes on from; None starts it over in its folder."""

    run: RunFolder
    checkpoint: Path | None


def open_run(config: Config, runtime: Runtime, resume: str | None, force: bool) -> ResumePoint:
    """Make a run folder, or find the one to go on in; the main rank decides, all ranks learn of it.

    Args:
        config: the recipe.
        runtime: the ranks.
        resume: `auto`, a run folder, a checkpoint, or None.
        force: go on although the recipe is another one.
    """
    chosen = ""
    if runtime.is_main:
        point = find_resume_point(resume, config, force) if resume is not None else None
        point = point or ResumePoint(RunFolder.create(config), None)
        chosen = json.dumps([str(point.run.path), str(point.checkpoint) if point.checkpoint else None])
    run, checkpoint = json.loads(runtime.from_main(chosen))
    return ResumePoint(RunFolder(Path(run)), Path(checkpoint) if checkpoint else None)


def find_resume_point(wanted: str, config: Config, force: bool) -> ResumePoint | None:
    """Find where to go on.

    Args:
        wanted: `auto`, a run folder, or a checkpoint file.
        config: the recipe of this start.
        force: go on although the recipe is another one.

    Returns:
        None where `auto` finds no unfinished run of this name and seed.

    Raises:
        RunError: no such run or checkpoint, or another recipe without `force`.
    """
    if wanted == "auto":
        run = _newest_unfinished(config)
        if run is None:
            logger.info("resume auto: no unfinished run of %s, seed %d: a new one", config.name, config.train.seed)
            return None
        checkpoint = _newest_good(run)
    else:
        path = Path(wanted)
        run = RunFolder.open(path if path.is_dir() else path.absolute().parent.parent)
        checkpoint = _newest_good(run) if path.is_dir() else _chosen(run, path)
    if checkpoint is None:
        logger.warning("resume: %s has no whole checkpoint: starting over in it", run.path)
    _check_recipe(run.read_config(), config, force)
    return ResumePoint(run, checkpoint)


def different_keys(old: Config, new: Config) -> dict[str, tuple[object, object]]:
    """Return the keys that change a run's result and differ: dotted path to (old, new); more epochs are no change."""
    before, after = (dict(_flat(config.model_dump(mode="json"))) for config in (old, new))
    different = {
        key: (before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and not any(key == k or key.startswith(k + ".") for k in _FREE_KEYS)
    }
    if new.train.epochs > old.train.epochs:
        logger.info("train.epochs: %d, was %d; schedules run to the new end", new.train.epochs, old.train.epochs)
        different.pop("train.epochs")
    return different


def cut_metrics(path: Path, step: int) -> list[EpochRecord]:
    """Remove the lines after `step`, which will be written again, and return the epochs that stay."""
    if not path.is_file():
        return []
    kept, epochs = [], []
    names = {field.name for field in fields(EpochRecord)}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            values = json.loads(line)
        except ValueError:  # a line that was being written when the process died
            continue
        if values["step"] <= step:
            kept.append(line)
            if values["kind"] == "epoch":
                epochs.append(EpochRecord(**{k: v for k, v in values.items() if k in names}))
    with atomic_path(path) as whole:
        whole.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
    return epochs


def _newest_unfinished(config: Config) -> RunFolder | None:
    stem = f"{config.name}-seed{config.train.seed}"
    found = []
    for path in (config.output_dir / stem, *config.output_dir.glob(f"{stem}-*")):
        if (path != config.output_dir / stem and not path.name[len(stem) + 1 :].isdigit()) or not path.is_dir():
            continue
        status = _status(path)
        if status.get("state") == "finished" or not (path / "config.yaml").is_file():
            continue
        if status.get("host") == platform.node() and _alive(status.get("pid")):
            logger.warning("resume auto: %s is still running (process %s): left alone", path, status["pid"])
            continue
        found.append((path.stat().st_mtime, path))
    return RunFolder.open(max(found)[1]) if found else None


def _status(path: Path) -> dict[str, object]:
    try:
        return dict(json.loads((path / "status.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _alive(pid: object) -> bool:
    if not isinstance(pid, int) or pid == os.getpid():
        return False
    try:
        # A dead process that was not waited for yet is no run any more.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _newest_good(run: RunFolder) -> Path | None:
    for checkpoint in newest_first(run.checkpoints):
        try:
            verify(checkpoint)
            load_state(checkpoint)
        except RunError as error:
            logger.warning("%s; set aside, going on from the one before", error)
            for path in checkpoint.parent.glob(f"{checkpoint.stem}.*"):
                path.rename(path.with_name(f"damaged_{path.name}"))
            continue
        return checkpoint
    return None


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


def _check_recipe(old: Config, new: Config, force: bool) -> None:
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
