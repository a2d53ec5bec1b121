"""The run folder: everything that outlives a run, under names that every reader knows."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from common.errors import RunError, RunStopped
from common.files import atomic_path, write_json
from common.results import EvaluationResult
from common.signals import handling, pass_to, stop_words
from datazoo.pipeline.spec import PreprocessingSpec
from engine.config import dump_config, load_config
from engine.config.schema import Config
from engine.run.run_data import RunData


def new_folder(output_dir: Path, stem: str, *sub_folders: str) -> Path:
    """Make `<output_dir>/<stem>`, or the same with `-2`, `-3`, ... where that exists.

    Raises:
        RunError: the folder cannot be written.
    """
    for count in range(1, 10_000):
        path = output_dir / (stem if count == 1 else f"{stem}-{count}")
        try:
            path.mkdir(parents=True)
            for name in sub_folders:
                (path / name).mkdir()
        except FileExistsError as error:
            if not path.is_dir():
                raise RunError(f"output_dir {output_dir}: {error.strerror} ({error.filename})") from error
            continue
        except OSError as error:
            raise RunError(f"cannot make the folder {path}: {error.strerror}; choose another --output_dir") from error
        return path
    raise RunError(f"{output_dir} holds 10,000 runs of {stem}; choose another name or --output_dir")


@dataclass(frozen=True)
class RunFolder:
    """Paths and readers of one run."""

    path: Path

    @classmethod
    def create(cls, config: Config) -> RunFolder:
        """Make `<output_dir>/<name>-seed<seed>`, or the same with `-2`, `-3`, ... where that exists.

        Raises:
            RunError: the folder cannot be written.
        """
        return cls(new_folder(config.output_dir, f"{config.name}-seed{config.train.seed}", "checkpoints"))

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open an existing run.

        Raises:
            RunError: the folder is missing or lacks the files of the contract.
        """
        if not path.is_dir():
            raise RunError(f"run {path}: no such folder")
        for name in ("config.yaml", "classes.json", "preprocessing.json"):
            if not (path / name).is_file():
                raise RunError(f"run {path}: {name} is missing, so this is not a run folder of train.py")
        return cls(path)

    def is_writable(self) -> bool:
        """Whether results can be saved in it: another user's run, or one on a read-only mount, can only be read."""
        return os.access(self.path, os.W_OK | os.X_OK)

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def logs(self) -> Path:
        """Folder of the ranks' log files."""
        return self.path / "logs"

    @property
    def metrics(self) -> Path:
        """One JSON line per window of steps and per epoch."""
        return self.path / "metrics.jsonl"

    @property
    def data(self) -> Path:
        """What the run is trained on."""
        return self.path / "data.json"

    @property
    def splits(self) -> Path:
        """Which picture is in which split, where the data did not say it."""
        return self.path / "splits.csv"

    def write_inputs(
        self, config: Config, classes: tuple[str, ...], environment: Mapping[str, object], data: RunData | None = None
    ) -> None:
        """Write what the run is started with.

        Args:
            config: the recipe.
            classes: names in label order.
            environment: versions, host and device.
            data: fingerprints of the pictures.
        """
        with atomic_path(self.path / "config.yaml") as path:
            path.write_text(dump_config(config), encoding="utf-8")
        write_json(self.path / "classes.json", list(classes))
        write_json(self.path / "preprocessing.json", config.data.preprocessing.model_dump(mode="json"))
        write_json(self.path / "environment.json", environment)
        if data is not None:
            data.write(self.data)

    @contextlib.contextmanager
    def status(self) -> Iterator[None]:
        """Say in status.json that the run is running, then how it ended: finished, stopped or failed.

        A signal that ends the process is told at once, as the main thread may never get there.
        """
        writing = threading.RLock()  # handlers may run in another thread
        came: list[int] = []

        def on_signal(number: int, frame: FrameType | None, previous: Any) -> None:
            came.append(number)
            with writing, contextlib.suppress(OSError):
                self._write_status("stopped", reason=stop_words(number))
            pass_to(previous, number, frame)

        try:
            with handling(on_signal):
                with writing:
                    self._write_status("running", pid=os.getpid(), host=platform.node())
                yield
        except (KeyboardInterrupt, RunStopped) as error:
            with writing:
                self._write_status("stopped", reason=str(error) or "interrupted")
            raise
        except Exception as error:
            # After a signal, an error is what a library made of the interruption.
            with writing, contextlib.suppress(OSError):  # a full disk is told by the error itself
                if not came:
                    self._write_status("failed", reason=f"{type(error).__name__}: {error}".splitlines()[0])
            raise
        with writing:
            self._write_status("finished")

    def write_evaluation(
        self,
        result: EvaluationResult,
        split: str,
        checkpoint: str,
        sha256: str,
        leaking: bool,
        before_refit: bool = False,
        chosen_on: bool = False,
    ) -> Path:
        """Write eval_<split>.json and return its path.

        Args:
            result: what came out.
            split: name of the split.
            checkpoint: which checkpoint was evaluated.
            sha256: of its weights.
            leaking: whether training pictures are among the split's.
            before_refit: whether the head was then solved again on this split too, and kept so.
            chosen_on: whether all of the split's pictures are in val, which chose the checkpoint.
        """
        origin = {"split": split, "checkpoint": checkpoint, "sha256": sha256, "leaking": leaking}
        origin |= {"before_refit": True} if before_refit else {}
        origin |= {"chosen_on": True} if chosen_on else {}
        path = self.path / f"eval_{split}.json"
        write_json(path, {**origin, **result.to_json()})
        return path

    def _write_status(self, state: str, **details: str | int) -> None:
        write_json(self.path / "status.json", {"state": state, "time": time.time(), **details})

    def read_config(self) -> Config:
        """The resolved recipe."""
        return load_config(self.path / "config.yaml")

    def read_classes(self) -> tuple[str, ...]:
        """Class names in label order."""
        return tuple(json.loads((self.path / "classes.json").read_text(encoding="utf-8")))

    def read_preprocessing(self) -> PreprocessingSpec:
        """The preprocessing that the network was trained with."""
        return PreprocessingSpec.model_validate_json((self.path / "preprocessing.json").read_text(encoding="utf-8"))
