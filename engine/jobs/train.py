"""The job of train.py, from the pictures to the results."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from common.errors import RunStopped
from common.log import log_kept, log_to_file
from common.names import printable
from common.results import EvaluationResult
from common.signals import stop_words
from datazoo.pictures import Splits
from datazoo.pipeline.reader import naming_bad_pictures
from engine.callbacks.base import RunCallback
from engine.callbacks.deadline import Deadline
from engine.callbacks.profiler import StepProfiler
from engine.callbacks.resources import ResourceSampler
from engine.callbacks.step_monitor import DIVERGED_REMEDY, StepMonitor
from engine.callbacks.stop_on_signal import StopOnSignal
from engine.callbacks.time_keeper import TimeKeeper
from engine.config import Config
from engine.config.step_range import StepRange
from engine.jobs.agreement import check_same_code, check_same_pictures, check_same_recipe
from engine.jobs.begin import Beginning
from engine.jobs.feed import Feed
from engine.jobs.input_hint import input_hint
from engine.jobs.loops import Loop, make_loop
from engine.jobs.network import build_network, load_published_weights, with_width_of_weights
from engine.jobs.parts import (
    describe_average,
    describe_length,
    make_observers,
    make_run_schedule,
    make_saver,
    make_store,
)
from engine.jobs.pictures import keep_made_split, open_splits, with_fitting_batch, with_split_folders
from engine.jobs.prepare import PreparedRun, prepare_run
from engine.jobs.refit import make_refit
from engine.jobs.result_lines import require_finite_loss
from engine.jobs.results import evaluate_best, parameter_counts, save_what_changed
from engine.jobs.start import FinishedRun, Start
from engine.jobs.training_state import TrainingState
from engine.run.best_epoch import BestEpoch
from engine.run.budget import LeftOut
from engine.run.records import EpochEnd, EpochRecord, Progress
from engine.run.run_data import RunData
from engine.run.run_folder import RunFolder
from engine.run.summary import Costs, Stopwatch, write_summary
from engine.runtime.ascend import npu_reader
from engine.runtime.peers import naming_lost_ranks
from engine.runtime.start import Runtime, check_device
from engine.step.amp import describe_precision
from engine.step.evaluation import Evaluator

logger = logging.getLogger(__name__)


def train(
    config: Config,
    runtime: Runtime,
    resume: str | None = None,
    resume_force: bool = False,
    profile: StepRange | None = None,
) -> Path:
    """Check everything that can be checked, then train in a run folder, and return its path.

    Args:
        config: the recipe.
        runtime: device and rank.
        resume: `auto`, a run folder or a checkpoint to go on from; None starts a new run.
        resume_force: go on although the recipe or the files are others; never with other classes.
        profile: steps that the main rank profiles.

    Raises:
        RunStopped: after Ctrl-C or SIGTERM, when everything is saved.
    """
    config = checked(config, runtime)
    splits = open_splits(config.data, runtime)
    check_same_pictures(runtime, splits)
    return train_on(splits, config, runtime, Start(resume, resume_force, profile)).path


def checked(config: Config, runtime: Runtime) -> Config:
    """Refuse what this machine cannot run, before any picture is read; take the network's width from its weights."""
    check_device(runtime.device, config.amp, config.train.bn_sync)
    config = with_width_of_weights(config, config.finetune.pretrained)
    check_same_code(runtime)
    check_same_recipe(runtime, config)
    return config


def settled(config: Config, splits: Splits, runtime: Runtime) -> Config:
    """The recipe with what the pictures decide: their folders, and a batch that they fill."""
    return with_fitting_batch(with_split_folders(config, splits), len(splits.train), runtime.world_size)


def train_on(splits: Splits, config: Config, runtime: Runtime, start: Start) -> FinishedRun:
    """Train on splits that are open already, in a run folder.

    Args:
        splits: training, validation and test pictures.
        config: the recipe, by `checked`.
        runtime: device and rank.
        start: where it goes on, and what else there is to it.

    Raises:
        RunStopped: after Ctrl-C or SIGTERM, when everything is saved.
    """
    config = settled(config, splits, runtime)
    network = build_network(config.model, len(splits.train.classes))
    load_published_weights(network, config.finetune, splits.train.classes)

    beginning = Beginning(config, runtime, RunData.of(splits))
    npus = npu_reader(runtime.device, runtime.world_size, os.environ)
    resources = ResourceSampler(npus=npus) if runtime.is_main else None
    try:
        with log_kept() as messages:
            watch = Stopwatch()
            checkpoint, config = beginning.find(start.resume, start.resume_force)
            prepared = prepare_run(config, splits, network, runtime, checkpoint, watch)
            if start.profile is not None:
                start.profile.check(prepared.progress.step, prepared.progress.steps_per_epoch, config.train.epochs)
            if start.pacing is not None:
                config = start.pacing.fit(config, prepared)
            run = beginning.begin(config)
            with run.status() if runtime.is_main else nullcontext():
                log_to_file(run.logs / f"rank_{runtime.rank}.log", messages)
                print(f"run folder: {printable(run.path)}")
                if resources is not None:
                    resources.write_to(run.path / "resources.jsonl")
                    beginning.write_inputs(run)
                    keep_made_split(splits, run.splits)
                beginning.settle(run, prepared.progress)
                with naming_lost_ranks(runtime.rank, runtime.world_size):
                    results = _train_in_folder(config, splits, runtime, run, prepared, resources, watch, start)
    finally:
        if resources is not None:
            resources.close()
        beginning.release()
    return FinishedRun(run.path, results, prepared.progress.epoch, prepared.progress.stop_reason)


def _train_in_folder(
    config: Config,
    splits: Splits,
    runtime: Runtime,
    run: RunFolder,
    prepared: PreparedRun,
    resources: ResourceSampler | None,
    watch: Stopwatch,
    start: Start,
) -> Mapping[str, EvaluationResult]:
    network, feed, progress, state = prepared.network, prepared.feed, prepared.progress, prepared.state

    # -- loop ------------------------------------------------------------------------------------------------------
    signals = StopOnSignal(progress, runtime)
    store = make_store(config, splits, network, run) if runtime.is_main else None
    saver = make_saver(config, store, progress, state)
    schedule = make_run_schedule(config, progress)
    loop = make_loop(config, prepared.step, prepared.optimizer, feed.train, schedule, progress, runtime.device)
    keeper = TimeKeeper(loop.input_seconds)
    callbacks: list[RunCallback] = [signals, saver, keeper]
    if start.pacing is not None:
        callbacks.append(Deadline(progress, start.pacing.ends, start.pacing.clock))
    if resources is not None:
        callbacks += [resources, *make_observers(run, progress)]
        if start.profile is not None:
            where, device = run.path / "profile", runtime.device
            callbacks.append(StepProfiler(start.profile, where, progress, device, loop.length, loop.input_seconds))
    print(describe_length(config, splits, progress))
    print(describe_precision(config.amp, runtime.device))
    if (average := describe_average(config)) is not None and progress.epochs:
        print(average)
    fit(config, Parts(loop, feed, prepared.evaluator, progress, state, signals, runtime), callbacks)
    if progress.interrupted:
        print(keeper.budget(watch.total, watch.features, saver.seconds).line())
        runtime.barrier()  # until the main rank has saved: a launcher ends all ranks as soon as the first has ended
        words = stop_words(progress.interrupted_by)
        raise RunStopped(f"{words} after step {progress.step}; go on with --resume {run.path}", progress.interrupted_by)
    if progress.stop_reason:
        print(progress.stop_reason)
    if start.pacing is not None and progress.best_epoch is None:
        raise LeftOut(f"{progress.stop_reason}, which brought nothing to keep")

    # -- results ---------------------------------------------------------------------------------------------------
    print(f"evaluating the best checkpoint, of epoch {progress.best_epoch}", flush=True)
    with keeper.evaluating():
        refit = make_refit(config, splits, network, runtime, store)
        results = evaluate_best(config, run, network, feed, prepared.evaluator, splits, runtime, refit)
    if resources is not None:
        saved_bytes = save_what_changed(config, network, run)
        budget = keeper.budget(watch.total, watch.features, saver.seconds)
        costs = Costs(parameter_counts(network), resources.summary(), watch, budget, saved_bytes)
        write_summary(run, config, progress, results, costs, None if refit is None else refit.pictures)
        print("\n".join(filter(None, (budget.line(), input_hint(budget, keeper.steps, config, splits.train)))))
    return results


@dataclass(frozen=True)
class Parts:
    """What a training loop is made of."""

    loop: Loop
    feed: Feed
    evaluator: Evaluator
    progress: Progress
    state: TrainingState
    signals: StopOnSignal
    runtime: Runtime


def fit(config: Config, parts: Parts, callbacks: list[RunCallback]) -> None:
    """Run the remaining epochs, or fewer if the run is asked to stop.

    Args:
        config: the recipe.
        parts: what trains.
        callbacks: in any order; they hear of every window of steps and of every epoch.
    """
    progress, state = parts.progress, parts.state
    scale_falls = config.amp.loss_scale == "dynamic"
    monitor = StepMonitor(
        progress, config.train.log_every, callbacks, parts.runtime.gather_array, scale_falls=scale_falls
    )
    best = BestEpoch(config.train.early_stopping, progress)
    try:
        if progress.epochs == 0 and progress.last_checkpoint is None:
            _keep_start(parts, best, callbacks)
        while not progress.is_over:
            with naming_bad_pictures():
                parts.loop.run([monitor, *callbacks])
            if progress.step_in_epoch < progress.steps_per_epoch:
                for callback in callbacks:
                    callback.on_interrupt()
                break
            state.unite()
            state.check_finite()
            record = monitor.epoch_record()
            if record.epoch % config.train.eval_every == 0 or record.epoch == progress.epochs:
                record = _validated(record, parts)
            parts.signals.between_epochs()
            is_best = best.judge(record)
            progress.next_epoch(record)
            end = EpochEnd(record, is_best, progress.is_over, progress.lr, best.score(record))
            for callback in callbacks:
                callback.on_epoch(end)
    finally:
        for callback in callbacks:
            callback.close()
        parts.loop.close()


def _keep_start(parts: Parts, best: BestEpoch, callbacks: list[RunCallback]) -> None:
    """Evaluate and save the network as it is, as epoch 0."""
    nan = math.nan
    record = _validated(EpochRecord(0, 0, nan, nan, nan, seconds=0.0, time=time.time()), parts)
    is_best = best.judge(record)
    parts.progress.next_epoch(record)
    for callback in callbacks:
        callback.on_epoch(EpochEnd(record, is_best, is_last=True, score=best.score(record)))


def _validated(record: EpochRecord, parts: Parts) -> EpochRecord:
    started = time.perf_counter()
    result = parts.state.evaluate(lambda: parts.evaluator(parts.feed.held_out["val"]))
    saved = parts.progress.last_checkpoint or "none yet"
    require_finite_loss(
        result,
        f"val after epoch {record.epoch} (step {record.step})",
        f"last good checkpoint: {saved}\n{DIVERGED_REMEDY}, or a lower amp.level",
    )
    return record.with_validation(result, time.perf_counter() - started)
