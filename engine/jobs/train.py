"""The job of train.py: build the training step from its parts, fit, evaluate."""

from __future__ import annotations

import logging
from pathlib import Path

from mindspore import nn

from common.errors import RunError, RunStopped
from common.launcher_protocol import launcher_folder
from common.results import EvaluationResult
from engine.callbacks.base import RunCallback
from engine.callbacks.checkpoints import CheckpointSaver
from engine.callbacks.console import Console
from engine.callbacks.early_stopping import EarlyStopping
from engine.callbacks.heartbeat import Heartbeat
from engine.callbacks.learning_rate import LearningRateSetter
from engine.callbacks.metrics_log import MetricsLog
from engine.callbacks.resources import ResourceSampler
from engine.callbacks.stop_on_signal import StopOnSignal
from engine.callbacks.tensorboard import TensorBoard
from engine.config import Config
from engine.jobs.assemble import Pictures, depth_of, make_feed
from engine.jobs.restore import read_checkpoint
from engine.jobs.trainer import Trainer
from engine.run.checkpoint import CheckpointStore, load_state, verify
from engine.run.records import Progress
from engine.run.resume import ResumePoint, cut_metrics
from engine.run.summary import Stopwatch, write_summary
from engine.runtime.parameters import assign_all, values_of
from engine.runtime.start import Runtime
from engine.step.amp import to_mixed_precision
from engine.step.evaluation import Evaluator
from engine.step.learning_rate import make_schedule, peak_lr
from engine.step.loss import NetworkWithLoss, class_weights
from engine.step.optimizer import GroupedOptimizer, lr_multipliers
from engine.step.train_step import TrainStep
from netzoo.count import changed_bytes, count_parameters
from netzoo.dropout import seed_dropout
from netzoo.weights.adapter_file import save_adapter

logger = logging.getLogger(__name__)


def train(config: Config, splits: Pictures, network: nn.Cell, runtime: Runtime, start: ResumePoint) -> None:
    """Build the training step from its parts, fit, and evaluate the best checkpoint.

    Args:
        config: the recipe.
        splits: training, validation and test pictures.
        network: with its pretrained weights, if the recipe names any.
        runtime: device and rank.
        start: where everything is written, and the checkpoint to go on from.

    Raises:
        RunStopped: after SIGTERM, when everything is saved.
    """
    classes, recipe, run = splits.train.classes, config.train, start.run
    watch = Stopwatch()
    resources = ResourceSampler(run.path / "resources.jsonl") if runtime.is_main else None
    feed = make_feed(config, network, splits, runtime)
    watch.features_done()

    seed_dropout(network, recipe.seed * runtime.size + runtime.rank)
    runtime.broadcast(network)
    global_batch = config.data.batch_size * runtime.size
    progress = Progress(recipe.epochs, feed.train.steps_per_epoch, global_batch)
    peak = peak_lr(config.optimizer, global_batch)
    schedule = make_schedule(config.schedule, peak, recipe.epochs, feed.train.steps_per_epoch)
    mixed = to_mixed_precision(feed.cell, config.amp)  # before the optimiser: it may replace parameters
    parameters = mixed.trainable_params()
    multipliers = lr_multipliers(parameters, config.finetune.lr_groups, config.finetune.layer_decay, depth_of(network))
    optimizer = GroupedOptimizer(config.optimizer, parameters, multipliers)
    weights = class_weights(config.loss, splits.train.labels, len(classes))
    step = TrainStep(
        NetworkWithLoss(mixed, config.loss.label_smoothing, weights),
        optimizer,
        config.amp,
        clip_norm=config.optimizer.clip_norm,
        accumulate_steps=config.optimizer.accumulate_steps,
        ema_decay=recipe.ema_decay,
        ranks=runtime.size,
    )
    trainer = Trainer(step, network, progress, runtime, recipe.bn_sync, config.finetune.wise_ft_alpha)
    if start.checkpoint is not None:
        _go_on(start.checkpoint, network, trainer)
    if runtime.is_main:
        progress.history.extend(cut_metrics(run.metrics, progress.step))
    evaluator = Evaluator(feed.cell, classes, runtime)
    counts = count_parameters(network)
    parameter_counts = {"total": counts.total, "trainable": counts.trainable}
    logger.info("%s", counts)
    description = {
        "classes": classes,
        "preprocessing": config.data.preprocessing.model_dump(mode="json"),
        "model": {**config.model.model_dump(mode="json"), "num_classes": len(classes)},
        "parameters": parameter_counts,
        "lora": config.finetune.lora.model_dump(mode="json") if config.finetune.lora.enabled else None,
    }
    checkpoints = recipe.checkpoint
    store = CheckpointStore(run.checkpoints, checkpoints.keep, checkpoints.keep_every) if runtime.is_main else None
    monitor = recipe.early_stopping.monitor
    callbacks: list[RunCallback] = [
        LearningRateSetter(optimizer, schedule, progress),
        StopOnSignal(progress, runtime),
        EarlyStopping(recipe.early_stopping, progress),
        CheckpointSaver(store, checkpoints, progress, description, trainer.weights, trainer.state, monitor),
    ]
    if resources is not None:
        callbacks += [MetricsLog(run.metrics), TensorBoard(run.path, progress.step), Console(progress), resources]
        if (folder := launcher_folder()) is not None:
            callbacks.append(Heartbeat(folder / "heartbeat"))
    rule = (
        f"{config.optimizer.lr:g} * {global_batch}/256 (linear scaling)" if config.optimizer.scale_lr else "not scaled"
    )
    print(
        f"{len(splits.train)} training pictures, {len(classes)} classes, global batch {global_batch} "
        f"({config.data.batch_size} x {runtime.size} ranks), {feed.train.steps_per_epoch} steps per epoch, "
        f"learning rate {peak:g} ({rule})"
    )
    trainer.fit(
        feed.train,
        validate=lambda: evaluator(feed.held_out["val"]),
        callbacks=callbacks,
        log_every=recipe.log_every,
        eval_every=recipe.eval_every,
    )
    if progress.interrupted:
        runtime.barrier()  # until the main rank has saved: a launcher ends all ranks as soon as the first has ended
        raise RunStopped(f"stopped by SIGTERM after step {progress.step}; go on with --resume {run.path}")
    if progress.stop_reason:
        print(progress.stop_reason)

    best = run.checkpoints / "best.ckpt"
    if runtime.is_main:
        verify(best)
        assign_all(network, read_checkpoint(best))
    runtime.broadcast(network)
    results: dict[str, EvaluationResult] = {}
    for split, dataset in feed.held_out.items():
        results[split] = result = evaluator(dataset)
        leaking = split in splits.leaking
        if runtime.is_main:
            run.write_evaluation(result, split, "best", verify(best).sha256, leaking)
        print(f"{split}{' (LEAKING: holds training pictures)' if leaking else ''}: {result}")
    if resources is not None:
        saved_bytes = changed_bytes(network)
        if config.finetune.lora.enabled:
            adapter = run.path / "adapter.safetensors"
            save_adapter(network, adapter)
            saved_bytes = adapter.stat().st_size
            print(f"adapter of the best checkpoint: {adapter} ({saved_bytes:,} bytes)")
        write_summary(run, config, progress, results, parameter_counts, resources, watch, saved_bytes)


def _go_on(checkpoint: Path, network: nn.Cell, trainer: Trainer) -> None:
    """Load weights and training state; every rank checks the files' checksums itself."""
    verify(checkpoint)
    weights, own = read_checkpoint(checkpoint), values_of(network)
    wrong = sorted(set(weights) ^ set(own)) or [n for n in own if weights[n].shape != own[n].shape]
    if wrong:
        raise RunError(f"resume {checkpoint}: {len(wrong)} parameters are not this recipe's, such as {wrong[0]}")
    assign_all(network, weights)
    trainer.restore(*load_state(checkpoint))
    logger.info("going on from %s", checkpoint)
