"""The folder of a run with a time budget: the runs of all methods below it, and the kept one's files at its top.

Links at the top lead to the kept run's files, so that whoever reads a run folder reads this one too. They go over
`chosen`, which changes in one rename: at every moment the folder is one whole run.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import RunError
from common.files import atomic_link, atomic_path, write_json
from engine.config import Config, dump_config
from engine.run.run_folder import RunFolder, new_folder

RECORD = "budget.json"
_CHOSEN = "chosen"
# A list's paths count from where it lies, so that a link to one would lead astray.
_OWN = frozenset({_CHOSEN, RECORD, "splits.csv", "status.json", "summary.json", "report.html", "steps"})


@dataclass(frozen=True)
class BudgetFolder:
    """Paths and records of one budget.

    Args:
        path: the folder.
    """

    path: Path

    @classmethod
    def create(cls, config: Config) -> BudgetFolder:
        """Make it, with the recipe by which `--resume auto` finds it.

        Args:
            config: of the first method, with the name and the output folder of the whole.

        Raises:
            RunError: it cannot be written.
        """
        path = new_folder(config.output_dir, f"{config.name}-seed{config.train.seed}", "steps")
        with atomic_path(path / "config.yaml") as target:
            target.write_text(dump_config(config), encoding="utf-8")
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> BudgetFolder:
        """Open one to go on in.

        Raises:
            RunError: it is none.
        """
        if not (path / "steps").is_dir():
            raise RunError(f"--resume {path}: not the folder of a run with --budget; leave --budget out, or --resume")
        return cls(path)

    @property
    def steps(self) -> Path:
        """Folder of the methods' runs."""
        return self.path / "steps"

    def run(self, name: str) -> RunFolder:
        """A method's run."""
        return RunFolder(self.steps / name)

    def read(self) -> Mapping[str, Any]:
        """What was recorded; empty where nothing was yet.

        Raises:
            RunError: damaged.
        """
        path = self.path / RECORD
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{path}: cannot be read ({error}); start a new run, without --resume") from error
        if not isinstance(record, dict):
            raise RunError(f"{path}: a JSON object was expected; start a new run, without --resume")
        return record

    def write(self, record: Mapping[str, object]) -> None:
        """Record what was tried."""
        write_json(self.path / RECORD, record)

    def remove_if_empty(self) -> None:
        """Take the folder away where nothing was begun in it."""
        if not any(self.steps.iterdir()):
            shutil.rmtree(self.path)

    def keep(self, name: str) -> RunFolder:
        """Make a method's run the kept one; return it."""
        run = self.run(name)
        atomic_link(self.path / _CHOSEN, os.path.relpath(run.path, self.path))
        for entry in run.path.iterdir():
            # Event files would show the run twice in TensorBoard.
            if entry.name not in _OWN and not entry.name.startswith((".", "events.")):
                atomic_link(self.path / entry.name, f"{_CHOSEN}/{entry.name}")
        for link in self.path.iterdir():
            if link.is_symlink() and not link.exists():
                link.unlink()
        return run
