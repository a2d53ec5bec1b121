"""The moment a run begins to write: until here whatever is refused leaves no trace."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from common.launcher_protocol import note_run_folder
from engine.config import Config
from engine.run.best_link import mend_best
from engine.run.lock import RunLock
from engine.run.records import Progress
from engine.run.resume import ResumePoint, cut_metrics, find_resume_point, with_average_of
from engine.run.run_data import RunData
from engine.run.run_folder import RunFolder
from engine.runtime.start import Runtime, describe_environment

logger = logging.getLogger(__name__)


class Beginning:
    """Finds where a run goes on, holds its folder, and, once everything is checked, begins in it.

    The main rank decides and writes, all ranks learn of it.

    Args:
        config: the recipe.
        runtime: the ranks.
        data: what the run is trained on.
    """

    def __init__(self, config: Config, runtime: Runtime, data: RunData) -> None:
        self._config = config
        self._runtime = runtime
        self._data = data
        self._point: ResumePoint | None = None
        self._lock: RunLock | None = None

    def find(self, resume: str | None, force: bool) -> tuple[Path | None, Config]:
        """Return the checkpoint to go on from, or None, and the recipe to go on with.

        Args:
            resume: `auto`, a run folder, a checkpoint, or None for a new run.
            force: go on although the recipe or the files are others.
        """
        if self._runtime.is_main and resume is not None:
            self._point = find_resume_point(resume, self._config, force, self._data)
            self._lock = None if self._point is None else self._point.lock
        checkpoint = None if self._point is None else self._point.checkpoint
        path = self._runtime.from_main("" if checkpoint is None else str(checkpoint))
        if not path:
            return None, self._config
        config = with_average_of(RunFolder(Path(path).absolute().parent.parent).read_config(), self._config)
        if config is not self._config:
            logger.info("train.ema_warmup false: the run was begun without")
        return Path(path), config

    def begin(self, config: Config) -> RunFolder:
        """Make the run's folder, or clear the one it goes on in, and say who holds it.

        Args:
            config: the recipe, with what was decided about it since.
        """
        self._config = config
        if self._runtime.is_main:
            if self._point is None:
                run = RunFolder.create(self._config)
                self._lock = RunLock(run.path)
            else:
                run = self._point.run
                self._point.clear()
            if self._lock is not None:
                self._lock.sign()
            note_run_folder(run.path)
        return RunFolder(Path(self._runtime.from_main(str(run.path) if self._runtime.is_main else "")))

    def write_inputs(self, run: RunFolder) -> None:
        """Write what the run is started with; on the main rank."""
        run.write_inputs(self._config, self._data.classes, describe_environment(self._runtime), self._data)

    def settle(self, run: RunFolder, progress: Progress) -> None:
        """Make metrics and the best checkpoint fit where the run goes on."""
        if self._runtime.is_main:
            progress.history.extend(cut_metrics(run.metrics, progress.step))
        best: tuple[float | None, int | None] = (progress.best_score, progress.best_epoch)
        if self._runtime.is_main and progress.best_epoch is not None:
            sidecar = mend_best(run.checkpoints, self._config.train.early_stopping.monitor)
            if sidecar is None:
                best = (None, None)
            elif sidecar.epoch != progress.best_epoch:
                best = (sidecar.score, sidecar.epoch)
        progress.best_score, progress.best_epoch = json.loads(self._runtime.from_main(json.dumps(best)))

    def release(self) -> None:
        """Let other processes have the folder."""
        if self._lock is not None:
            self._lock.release()
