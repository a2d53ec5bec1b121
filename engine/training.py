"""The job of train.py: build the training step from its parts, fit, evaluate."""

from __future__ import annotations

import logging

from mindspore import nn

from engine.amp import to_mixed_precision
from engine.assemble import Pictures, depth_of, make_feed
from engine.callbacks.checkpoints import CheckpointSaver
from engine.callbacks.console import Console
from engine.callbacks.early_stopping import EarlyStopping
from engine.callbacks.learning_rate import LearningRateSetter
from engine.callbacks.metrics_log import MetricsLog
from engine.callbacks.resources import ResourceSampler
from engine.callbacks.tensorboard import TensorBoard
from engine.checkpoint import CheckpointStore, verify
from engine.config import Config
from engine.evaluation import Evaluator
from engine.learning_rate import make_schedule, peak_lr
from engine.loss import NetworkWithLoss, class_weights
from engine.metrics import EvaluationResult
from engine.optimizer import GroupedOptimizer, lr_multipliers
from engine.parameters import assign_all
from engine.records import Progress
from engine.restore import read_checkpoint
from engine.run_folder import RunFolder
from engine.runtime.start import Runtime
from engine.summary import Stopwatch, write_summary
from engine.train_step import TrainStep
from engine.trainer import Trainer
from netzoo.count import count_parameters

logger = logging.getLogger(__name__)


def train(config: Config, splits: Pictures, network: nn.Cell, runtime: Runtime, run: RunFolder) -> None:
    """Build the training step from its parts, fit, and evaluate the best checkpoint.

    Args:
        config: the recipe.
        splits: training, validation and test pictures.
        network: with its pretrained weights, if the recipe names any.
        runtime: device and rank.
        run: where everything is written.
    """
    classes, recipe = splits.train.classes, config.train
    watch = Stopwatch()
    resources = ResourceSampler(run.path / "resources.jsonl")
    feed = make_feed(config, network, splits, runtime)
    watch.features_done()

    global_batch = config.data.batch_size * runtime.size
    progress = Progress(recipe.epochs, feed.train.steps_per_epoch, global_batch)
    schedule = make_schedule(
        config.schedule, peak_lr(config.optimizer, global_batch), recipe.epochs, feed.train.steps_per_epoch
    )
    parameters = feed.cell.trainable_params()
    multipliers = lr_multipliers(parameters, config.finetune.lr_groups, config.finetune.layer_decay, depth_of(network))
    optimizer = GroupedOptimizer(config.optimizer, parameters, multipliers)
    weights = class_weights(config.loss, splits.train.labels, len(classes))
    step = TrainStep(
        NetworkWithLoss(to_mixed_precision(feed.cell, config.amp), config.loss.label_smoothing, weights),
        optimizer,
        config.amp,
        clip_norm=config.optimizer.clip_norm,
        accumulate_steps=config.optimizer.accumulate_steps,
        ema_decay=recipe.ema_decay,
        ranks=runtime.size,
    )
    trainer = Trainer(step, network, progress)
    evaluator = Evaluator(feed.cell, classes, runtime)
    counts = count_parameters(network)
    logger.info("%s", counts)
    description = {
        "classes": classes,
        "preprocessing": config.data.preprocessing.model_dump(mode="json"),
        "model": {**config.model.model_dump(mode="json"), "num_classes": len(classes)},
        "parameters": {"total": counts.total, "trainable": counts.trainable},
        "lora": config.finetune.lora.model_dump(mode="json") if config.finetune.lora.enabled else None,
    }
    store = CheckpointStore(run.checkpoints, recipe.checkpoint.keep, recipe.checkpoint.keep_every)
    monitor = recipe.early_stopping.monitor
    callbacks = [
        LearningRateSetter(optimizer, schedule, progress),
        EarlyStopping(recipe.early_stopping, progress),
        CheckpointSaver(store, recipe.checkpoint, progress, description, trainer.weights, trainer.state, monitor),
        MetricsLog(run.metrics),
        TensorBoard(run.path),
        Console(progress),
        resources,
    ]
    print(
        f"{len(splits.train)} training pictures, {len(classes)} classes, global batch {global_batch}, "
        f"{feed.train.steps_per_epoch} steps per epoch"
    )
    trainer.fit(
        feed.train,
        validate=lambda: evaluator(feed.held_out["val"]),
        callbacks=callbacks,
        log_every=recipe.log_every,
        eval_every=recipe.eval_every,
    )
    if progress.stop_reason:
        print(progress.stop_reason)

    best = run.checkpoints / "best.ckpt"
    sidecar = verify(best)
    assign_all(network, read_checkpoint(best))
    results: dict[str, EvaluationResult] = {}
    for split, dataset in feed.held_out.items():
        results[split] = result = evaluator(dataset)
        leaking = split in splits.leaking
        run.write_evaluation(result, split, "best", sidecar.sha256, leaking)
        print(f"{split}{' (LEAKING: holds training pictures)' if leaking else ''}: {result}")
    write_summary(run, config, progress, results, description["parameters"], resources, watch)
