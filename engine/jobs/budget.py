"""The job of train.py --budget: one method after the other as far as the time goes, the best by validation is kept."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from common.durations import duration
from common.errors import BadInput, ConfigError, RunStopped
from common.files import write_json
from common.names import printable
from common.signals import handling, pass_to, stop_words
from datazoo.features.photos import photos_of
from datazoo.pictures import PictureSet, Splits
from engine.config import Config
from engine.jobs.budget_ladder import Ladder
from engine.jobs.budget_methods import Bench, BudgetMethod
from engine.jobs.budget_record import attempts_of, record_of
from engine.jobs.feed import FeatureSource
from engine.jobs.kept_score import score_on_test
from engine.jobs.network import build_network, load_published_weights
from engine.jobs.pacing import with_epochs
from engine.jobs.pictures import keep_made_split, open_splits
from engine.jobs.train import checked, settled
from engine.run.budget_folder import BudgetFolder
from engine.run.lock import RunLock
from engine.run.resume import check_recipe
from engine.run.run_data import RunData, check_same_files
from engine.run.run_folder import RunFolder
from engine.run.unfinished import newest_unfinished
from engine.runtime.start import Runtime

logger = logging.getLogger(__name__)

ENDING = 10.0
"""Seconds to keep for the last score and the report."""


@dataclass(frozen=True)
class Budget:
    """The time that is given.

    Args:
        seconds: of wall time.
        words: how a run's name says it.
        began: the moment on `clock` at which it began.
        clock: seconds, from any start.
    """

    seconds: float
    words: str
    began: float
    clock: Callable[[], float] = time.monotonic


def train_within(
    budget: Budget,
    recipes: Mapping[str, Config],
    runtime: Runtime,
    resume: str | None = None,
    resume_force: bool = False,
) -> Path:
    """Try the methods, keep the best by validation, score it on test, and return the folder.

    Args:
        budget: the time.
        recipes: by method, the cheapest first.
        runtime: device; one process.
        resume: `auto` or a folder to go on in.
        resume_force: go on although recipes or files are others.

    Raises:
        ConfigError: several processes, or a budget too short for the first method.
        RunStopped: after a signal; the best so far is kept.
    """
    if runtime.world_size > 1:
        raise ConfigError("--budget is for one process: leave the launcher out, or the budget")
    first = checked(next(iter(recipes.values())), runtime)
    recipes = {method: config.model_copy(update={"model": first.model}) for method, config in recipes.items()}
    name = f"{first.name}-budget{budget.words}"
    splits = open_splits(first.data, runtime)
    network = build_network(first.model, len(splits.train.classes))
    load_published_weights(network, first.finetune, splits.train.classes)
    source = FeatureSource(first, network.pooled_backbone, runtime)
    folder, lock = _folder(first.model_copy(update={"name": name}), resume)
    try:
        with RunFolder(folder.path).status():
            session = _Session(budget, splits, runtime, source, folder)
            session.climb(recipes, resume is not None, resume_force)
            session.finish(name)
    except BadInput:
        folder.remove_if_empty()
        raise
    finally:
        lock.release()
    return folder.path


def _folder(config: Config, resume: str | None) -> tuple[BudgetFolder, RunLock]:
    if resume == "auto" and (found := newest_unfinished(config)) is not None:
        return BudgetFolder.open(found[0].path), found[1]
    folder = BudgetFolder.create(config) if resume in (None, "auto") else BudgetFolder.open(Path(resume or ""))
    lock = RunLock(folder.path)
    lock.sign()
    return folder, lock


class _Session:
    """One start of a budget in its folder.

    Args:
        budget: the time.
        splits: all pictures; test is only shown to the method that was kept.
        runtime: device.
        source: features of the published backbone.
        folder: where everything goes.
    """

    def __init__(
        self, budget: Budget, splits: Splits, runtime: Runtime, source: FeatureSource, folder: BudgetFolder
    ) -> None:
        self._budget = budget
        self._splits = splits
        self._runtime = runtime
        self._folder = folder
        self._source = source
        record = folder.read()
        self._used_before = float(record.get("seconds", 0.0))
        ends = budget.began + budget.seconds - self._used_before - ENDING
        self._ladder = Ladder(ends, budget.clock, self._photos, self._note, attempts_of(record, len(splits.val)))
        self._waiting: list[str] = []

    @property
    def _seconds(self) -> float:
        """Used so far, by this start and those before."""
        return self._used_before + self._budget.clock() - self._budget.began

    def climb(self, recipes: Mapping[str, Config], goes_on: bool, force: bool) -> None:
        """Try the methods that are left.

        Args:
            recipes: by method.
            goes_on: whether this is not the first start.
            force: go on although recipes or files are others.
        """
        self._check_same(recipes, force)
        n_val, test = len(self._splits.val), self._splits.test
        print(
            f"budget: {duration(self._budget.seconds)}, {duration(max(0.0, self._ladder.left))} of it left for "
            f"{', '.join(recipes)}; the best on {n_val} val pictures is kept"
            + ("; no test split: no score will be of unseen pictures" if test is None else "")
        )
        bench = Bench(replace(self._splits, test=None), self._runtime, self._source, self._ladder.ends)
        bench.clock, bench.goes_on, bench.resume_force = self._budget.clock, goes_on, force
        methods = [
            BudgetMethod(method, _below(self._folder, method, config), bench) for method, config in recipes.items()
        ]
        self._waiting = [method.name for method in methods]
        try:
            with handling(self._on_signal):
                self._ladder.climb(methods)
        except RunStopped as stopped:
            self._note(self._ladder.attempts)
            raise RunStopped(self._stopped(str(stopped).split("; go on")[0]), stopped.exit_code - 128) from stopped

    def finish(self, name: str) -> None:
        """Score the kept method on test, and say what was kept.

        Args:
            name: of the whole.
        """
        chosen = self._ladder.chosen
        assert chosen is not None
        assert chosen.scored is not None
        run = self._folder.keep(chosen.scored.run)
        results = score_on_test(run, self._splits, self._runtime)
        self._folder.keep(chosen.scored.run)
        summary = json.loads((run.path / "summary.json").read_text(encoding="utf-8"))
        summary |= {"name": name, **{f"{split}_top1": top1 for split, top1 in results.items()}}
        summary["seconds"] |= {"total": self._seconds}
        write_json(self._folder.path / "summary.json", summary)
        self._note(self._ladder.attempts)
        right = chosen.scored.right
        print(
            f"kept: {chosen.method}, {int(right.sum())} of {len(right)} val pictures right; "
            f"{duration(self._seconds)} of {duration(self._budget.seconds)} used"
        )
        if len(self._ladder.done) > 1:
            print(
                f"val chose among {len(self._ladder.done)} methods, so its score is too high for the kept one: "
                + ("go by test" if self._splits.test is not None else "pictures that it has not seen will tell")
            )

    def _photos(self) -> Any:
        val: PictureSet = self._splits.val
        return photos_of(self._source.of(val, 1).values[0], val.labels)

    def _check_same(self, recipes: Mapping[str, Config], force: bool) -> None:
        """Refuse to go on with methods that were done by other recipes, or on other pictures."""
        now = RunData.of(self._splits)
        for attempt in self._ladder.done:
            assert attempt.scored is not None
            run = self._folder.run(attempt.scored.run)
            config = settled(_below(self._folder, attempt.method, recipes[attempt.method]), self._splits, self._runtime)
            check_recipe(run.read_config(), _with_epochs_of(run, config), force)
            if (was := RunData.read(run.data)) is not None:
                check_same_files(run.path, was, now, force)

    def _note(self, attempts: object) -> None:
        """Keep the best so far, and record everything."""
        ladder = self._ladder
        tried = {attempt.method for attempt in ladder.attempts}
        self._waiting = [method for method in self._waiting if method not in tried]
        if (chosen := ladder.chosen) is not None and chosen.scored is not None:
            for attempt in ladder.done:
                assert attempt.scored is not None
                run = self._folder.run(attempt.scored.run)
                # Its own start knew no test split, so that nothing could look at it.
                RunData.of(self._splits).write(run.data)
                keep_made_split(self._splits, run.splits)
            keep_made_split(self._splits, RunFolder(self._folder.path).splits)
            self._folder.keep(chosen.scored.run)
        self._record()

    def _record(self) -> None:
        n_val = len(self._splits.val)
        self._folder.write(record_of(self._ladder, self._budget.seconds, self._seconds, n_val))

    def _on_signal(self, number: int, frame: FrameType | None, previous: Any) -> None:
        """Where no run has anything to save."""
        with contextlib.suppress(OSError):
            self._record()
        print(self._stopped(stop_words(number)), flush=True)
        pass_to(previous, number, frame)

    def _stopped(self, reason: str) -> str:
        kept = self._ladder.chosen
        return (
            f"{reason}; kept: {'nothing yet' if kept is None else kept.method}; "
            f"not done: {', '.join(self._waiting) or 'the score on test'}; "
            f"go on with --resume {printable(self._folder.path)}"
        )


def _below(folder: BudgetFolder, method: str, config: Config) -> Config:
    """A method's recipe, as a run among the others; one that an earlier start began keeps the epochs it was given."""
    config = config.model_copy(
        update={
            "name": method,
            "output_dir": folder.steps,
            "train": config.train.model_copy(update={"sink": "off"}),  # the step that is measured is the one that runs
        }
    )
    return _with_epochs_of(folder.run(f"{method}-seed{config.train.seed}"), config)


def _with_epochs_of(run: RunFolder, config: Config) -> Config:
    if not (run.path / "config.yaml").is_file():
        return config
    epochs = run.read_config().train.epochs
    return config if epochs == config.train.epochs else with_epochs(config, epochs)
