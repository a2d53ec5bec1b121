"""The job of train.py, from the pictures to the results."""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from mindspore import nn
from mindspore.train import Model

from common.errors import RunStopped
from common.launcher_protocol import note_run_folder
from common.log import log_to_file
from common.signals import stop_words
from datazoo.pictures import Splits
from engine.callbacks.base import RunCallback
from engine.callbacks.resources import ResourceSampler
from engine.callbacks.step_monitor import StepMonitor
from engine.callbacks.stop_on_signal import StopOnSignal
from engine.config import Config
from engine.jobs.agreement import check_ranks_agree
from engine.jobs.feed import FeatureSource, Feed, make_feed
from engine.jobs.network import build_network, load_published_weights, prepare_network
from engine.jobs.parts import describe_length, make_lr_setter, make_observers, make_saver, make_step
from engine.jobs.pictures import open_splits
from engine.jobs.results import evaluate_best, parameter_counts, save_what_changed
from engine.jobs.training_state import TrainingState
from engine.run.best_epoch import BestEpoch
from engine.run.records import EpochEnd, EpochRecord, Progress
from engine.run.resume import ResumePoint, cut_metrics, open_run
from engine.run.summary import Costs, Stopwatch, write_summary
from engine.runtime.start import Runtime, check_device, describe_environment
from engine.step.evaluation import Evaluator
from engine.step.train_step import TrainStep
from netzoo.count import count_parameters

logger = logging.getLogger(__name__)


def train(config: Config, runtime: Runtime, resume: str | None = None, resume_force: bool = False) -> Path:
    """Check everything that can be checked, then train in a run folder, and return its path.

    Args:
        config: the recipe.
        runtime: device and rank.
        resume: `auto`, a run folder or a checkpoint to go on from; None starts a new run.
        resume_force: go on although the recipe is another one.

    Raises:
        RunStopped: after Ctrl-C or SIGTERM, when everything is saved.
    """
    check_device(runtime.device, config.amp, config.train.bn_sync)
    splits = open_splits(config.data)
    check_ranks_agree(runtime, config, splits)
    network = build_network(config.model, len(splits.train.classes))
    load_published_weights(network, config.finetune)

    start = open_run(config, runtime, resume, resume_force)
    run = start.run
    with run.status() if runtime.is_main else nullcontext():
        log_to_file(run.logs / f"rank_{runtime.rank}.log")
        print(f"run folder: {run.path}")
        if runtime.is_main:
            note_run_folder(run.path)
            run.write_inputs(config, splits.train.classes, describe_environment(runtime))
        _train_in_folder(config, splits, network, runtime, start)
    return run.path


def _train_in_folder(config: Config, splits: Splits, network: nn.Cell, runtime: Runtime, start: ResumePoint) -> None:
    run, watch = start.run, Stopwatch()
    resources = ResourceSampler(run.path / "resources.jsonl") if runtime.is_main else None

    # -- network and batches ---------------------------------------------------------------------------------------
    views = config.data.features.views
    prepared = prepare_network(
        network, config, runtime, lambda layers: FeatureSource(config, layers, runtime).of(splits.train, views)
    )
    feed = make_feed(config, splits, runtime, prepared.front)
    watch.features_done()
    logger.info("%s", count_parameters(network))

    # -- training step ---------------------------------------------------------------------------------------------
    global_batch = config.data.batch_size * runtime.world_size
    progress = Progress(config.train.epochs, feed.train.steps_per_epoch, global_batch)
    step, optimizer = make_step(config, splits, network, prepared.trained, runtime.world_size)
    evaluator = Evaluator(prepared.evaluated, splits.train.classes, runtime)

    # -- where it goes on ------------------------------------------------------------------------------------------
    state = TrainingState(step, network, progress, runtime, config.train.bn_sync, config.finetune.wise_ft_alpha)
    if start.checkpoint is not None:
        state.go_on_from(start.checkpoint)
    if runtime.is_main:
        progress.history.extend(cut_metrics(run.metrics, progress.step))

    # -- loop ------------------------------------------------------------------------------------------------------
    signals = StopOnSignal(progress, runtime)
    saver = make_saver(config, splits, network, run if runtime.is_main else None, progress, state)
    callbacks = [make_lr_setter(config, optimizer, progress), signals, saver]
    if resources is not None:
        callbacks += [resources, *make_observers(run, progress)]
    print(describe_length(config, splits, progress))
    fit(config, Parts(step, feed, evaluator, progress, state, signals, runtime), callbacks)
    if progress.interrupted:
        runtime.barrier()  # until the main rank has saved: a launcher ends all ranks as soon as the first has ended
        words = stop_words(progress.interrupted_by)
        raise RunStopped(f"{words} after step {progress.step}; go on with --resume {run.path}", progress.interrupted_by)
    if progress.stop_reason:
        print(progress.stop_reason)

    # -- results ---------------------------------------------------------------------------------------------------
    results = evaluate_best(run, network, feed, evaluator, splits, runtime)
    if resources is not None:
        costs = Costs(parameter_counts(network), resources.summary(), watch, save_what_changed(config, network, run))
        write_summary(run, config, progress, results, costs)


@dataclass(frozen=True)
class Parts:
    """What a training loop is made of."""

    step: TrainStep
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
    monitor = StepMonitor(progress, config.train.log_every, callbacks, parts.runtime.gather_array)
    best = BestEpoch(config.train.early_stopping, progress)
    model = Model(parts.step)
    try:
        while not progress.is_over:
            epoch = progress.epoch
            batches = parts.feed.train.epoch(epoch, progress.step_in_epoch)
            model.train(
                epoch + 1, batches, callbacks=[monitor, *callbacks], dataset_sink_mode=False, initial_epoch=epoch
            )
            if progress.step_in_epoch < progress.steps_per_epoch:
                for callback in callbacks:
                    callback.on_interrupt()
                break
            state.unite()
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


def _validated(record: EpochRecord, parts: Parts) -> EpochRecord:
    started = time.perf_counter()
    result = parts.state.evaluate(lambda: parts.evaluator(parts.feed.held_out["val"]))
    return record.with_validation(result, time.perf_counter() - started)
