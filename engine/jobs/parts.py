"""The parts of a training run, each made from its sections of the recipe."""

from __future__ import annotations

import logging

from mindspore import nn

from common.launcher_protocol import heartbeat_file, launcher_folder
from datazoo.pictures import Splits
from engine.callbacks.base import RunCallback
from engine.callbacks.checkpoints import CheckpointSaver
from engine.callbacks.console import Console
from engine.callbacks.heartbeat import Heartbeat
from engine.callbacks.metrics_log import MetricsLog
from engine.callbacks.tensorboard import TensorBoard
from engine.config import Config
from engine.jobs.network import PreparedNetwork
from engine.jobs.results import parameter_counts
from engine.jobs.training_state import TrainingState
from engine.run.checkpoint import CheckpointStore
from engine.run.records import Progress
from engine.run.run_folder import RunFolder
from engine.step.learning_rate import Schedule, make_schedule, peak_lr
from engine.step.loss import NetworkWithLoss, class_weights
from engine.step.moving_average import warmup_updates
from engine.step.optimizer import GroupedOptimizer, lr_multipliers
from engine.step.train_step import TrainStep
from netzoo.blocks import depth_of

logger = logging.getLogger(__name__)


def make_step(
    config: Config, splits: Splits, network: PreparedNetwork, world_size: int
) -> tuple[TrainStep, GroupedOptimizer]:
    """Put loss, optimiser and gradient handling around the network that trains."""
    finetune, optim = config.finetune, config.optimizer
    parameters = network.trained.trainable_params()
    multipliers = lr_multipliers(parameters, finetune.lr_groups, finetune.layer_decay, depth_of(network.whole))
    optimizer = GroupedOptimizer(optim, parameters, multipliers, network.kernels)
    weights = class_weights(config.loss, splits.train.labels, len(splits.train.classes))
    for_loss = None if config.data.augmentation.mixes_labels else network.kernels
    loss = NetworkWithLoss(network.trained, config.loss.label_smoothing, weights, for_loss)
    by_kernels = [what for what, is_so in (("the loss", loss.by_kernel), ("AdamW", optimizer.by_kernel)) if is_so]
    if by_kernels:
        logger.info("CPU kernels compute %s", " and ".join(by_kernels))
    step = TrainStep(
        loss,
        optimizer,
        config.amp,
        clip_norm=optim.clip_norm,
        accumulate_steps=optim.accumulate_steps,
        ema_decay=config.train.ema_decay,
        ema_warmup=config.train.ema_warmup,
        ranks=world_size,
        allreduce_mib=config.runtime.allreduce_mib,
    )
    return step, optimizer


def make_run_schedule(config: Config, progress: Progress) -> Schedule:
    """The recipe's learning rate over the steps of this run."""
    peak = peak_lr(config.optimizer, progress.global_batch)
    return make_schedule(config.schedule, peak, progress.epochs, progress.steps_per_epoch)


def make_store(config: Config, splits: Splits, network: nn.Cell, run: RunFolder) -> CheckpointStore:
    """Writes checkpoints with all that is needed to use them."""
    habits, classes, lora = config.train.checkpoint, splits.train.classes, config.finetune.lora
    description = {
        "monitor": config.train.early_stopping.monitor,
        "classes": classes,
        "preprocessing": config.data.preprocessing.model_dump(mode="json"),
        "model": {**config.model.model_dump(mode="json"), "num_classes": len(classes)},
        "parameters": parameter_counts(network),
        "lora": lora.model_dump(mode="json") if lora.enabled else None,
    }
    return CheckpointStore(run.checkpoints, description, habits.keep, habits.keep_every)


def make_saver(
    config: Config, store: CheckpointStore | None, progress: Progress, state: TrainingState
) -> CheckpointSaver:
    """Saves checkpoints; on ranks without a store it only takes part."""
    return CheckpointSaver(store, config.train.checkpoint, progress, state.weights, state.rest)


def make_observers(run: RunFolder, progress: Progress) -> list[RunCallback]:
    """What the main rank tells of a run while it goes on."""
    observers: list[RunCallback] = [MetricsLog(run.metrics), TensorBoard(run.path, progress.step), Console(progress)]
    if (folder := launcher_folder()) is not None:
        observers.append(Heartbeat(heartbeat_file(folder)))
    return observers


def describe_length(config: Config, splits: Splits, progress: Progress) -> str:
    """One line: pictures, batches, steps and learning rate of the run."""
    if progress.epochs == 0:
        return f"{len(splits.train)} training pictures, {len(splits.train.classes)} classes; the solved head is kept"
    peak, batch = peak_lr(config.optimizer, progress.global_batch), config.data.batch_size
    repeated = progress.steps_per_epoch * progress.global_batch - len(splits.train)
    again = f" (the last filled up with {repeated} pictures that the epoch has shown)" if repeated else ""
    rule = f"{config.optimizer.lr:g} * {progress.global_batch}/256 (linear scaling)"
    return (
        f"{len(splits.train)} training pictures, {len(splits.train.classes)} classes, global batch "
        f"{progress.global_batch} ({batch} x {progress.global_batch // batch} ranks), {progress.steps_per_epoch} steps "
        f"per epoch{again}, learning rate {peak:g} ({rule if config.optimizer.scale_lr else 'not scaled'})"
    )


def describe_average(config: Config) -> str | None:
    """One line on averaged weights: over how many updates, and how they begin; None where weights are as they train."""
    decay = config.train.ema_decay
    if decay is None:
        return None
    beginning = "it lags behind training in the first epochs"
    if config.train.ema_warmup and (quick := warmup_updates(decay)):
        beginning = f"over fewer in the first {quick} (train.ema_warmup)"
    return (
        f"val is scored with the weights' average over about {1 / (1 - decay):.0f} updates "
        f"(train.ema_decay {decay:g}): {beginning}"
    )
