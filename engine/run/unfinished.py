"""Which run `--resume auto` means."""

from __future__ import annotations

import json
import logging
import os
import platform
from pathlib import Path
from typing import Any

from common.errors import BadInput, RunError
from common.processes import is_alive
from engine.config import Config
from engine.run.lock import LOCK, RunLock
from engine.run.run_folder import RunFolder

logger = logging.getLogger(__name__)


def newest_unfinished(config: Config) -> tuple[RunFolder, RunLock] | None:
    """Return the newest run of the recipe's name and seed that has not finished, held for this process.

    Raises:
        RunError: there is one, but another process is writing it.
    """
    held: RunError | None = None
    for path in sorted(_unfinished(config), key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            return RunFolder(path), RunLock(path)
        except RunError as error:
            held = held or error
    if held is not None:
        raise held
    return None


def _unfinished(config: Config) -> list[Path]:
    stem = f"{config.name}-seed{config.train.seed}"
    found = []
    for path in (config.output_dir / stem, *config.output_dir.glob(f"{stem}-*")):
        if (path != config.output_dir / stem and not path.name[len(stem) + 1 :].isdigit()) or not path.is_dir():
            continue
        status = _status(path)
        if status.get("state") == "finished" or not (path / "config.yaml").is_file():
            continue
        if status.get("host") == platform.node() and _runs_without_lock(path, status.get("pid")):
            logger.warning("resume auto: %s is still running (process %s): left alone", path, status["pid"])
            continue
        if _holds_nothing(path):
            logger.warning("resume auto: %s holds no checkpoint and no readable recipe: left alone", path)
            continue
        found.append(path)
    return found


def _holds_nothing(path: Path) -> bool:
    """Whether a run died so early, or its disk was so full, that nothing of it is left to go on with."""
    if any((path / "checkpoints").glob("epoch_*.ckpt")):
        return False
    try:
        RunFolder(path).read_config()
        return not (path / "config.yaml").read_bytes().strip()
    except (BadInput, OSError):
        return True


def _runs_without_lock(path: Path, pid: object) -> bool:
    """Whether a version that locked nothing is still writing; where there is a lock, that is what counts."""
    return not (path / LOCK).exists() and pid != os.getpid() and is_alive(pid)


def _status(path: Path) -> dict[str, Any]:
    try:
        status = json.loads((path / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return status if isinstance(status, dict) else {}
