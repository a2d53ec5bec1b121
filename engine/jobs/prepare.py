"""Everything that a run needs before its first step, made before anything is written."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from mindspore import nn

from datazoo.pictures import Splits
from engine.config import Config
from engine.jobs.feed import FeatureSource, Feed, make_feed
from engine.jobs.network import prepare_network
from engine.jobs.parts import make_step
from engine.jobs.training_state import TrainingState
from engine.run.records import Progress
from engine.run.summary import Stopwatch
from engine.runtime.start import Runtime
from engine.step.evaluation import Evaluator
from engine.step.moving_average import share_of_start
from engine.step.optimizer import GroupedOptimizer
from engine.step.train_step import TrainStep
from netzoo.count import count_parameters

logger = logging.getLogger(__name__)

SHARE_OF_START = 0.05
"""Of averaged weights that may be those of the start without a word."""


@dataclass(frozen=True)
class PreparedRun:
    """What a run is made of.

    Args:
        network: all parameters; what is saved.
        feed: batches to train on and to evaluate with.
        step: the training step.
        optimizer: gets the learning rate.
        evaluator: of the network at inference.
        progress: where the run stands.
        state: what is saved and gone on from.
    """

    network: nn.Cell
    feed: Feed
    step: TrainStep
    optimizer: GroupedOptimizer
    evaluator: Evaluator
    progress: Progress
    state: TrainingState


def prepare_run(
    config: Config, splits: Splits, network: nn.Cell, runtime: Runtime, checkpoint: Path | None, watch: Stopwatch
) -> PreparedRun:
    """Make the parts of a run, and put them where it goes on.

    Args:
        config: the recipe.
        splits: training, validation and test pictures.
        network: with its published weights.
        runtime: device and rank.
        checkpoint: what the run goes on from, or None.
        watch: is told when the features are there.

    Raises:
        BadInput: recipe, data and checkpoint do not fit together.
    """
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
    warn_of_slow_average(config, progress.epochs * progress.steps_per_epoch)
    step, optimizer = make_step(config, splits, prepared, runtime.world_size)
    evaluator = Evaluator(prepared.evaluated, splits.train.classes, runtime, config.runtime)

    # -- where it goes on ------------------------------------------------------------------------------------------
    bn_sync, wise_ft_alpha = config.train.bn_sync, config.finetune.wise_ft_alpha
    state = TrainingState(step, network, progress, runtime, bn_sync, wise_ft_alpha, prepared.front)
    if checkpoint is not None:
        state.go_on_from(checkpoint)
    return PreparedRun(network, feed, step, optimizer, evaluator, progress, state)


def warn_of_slow_average(config: Config, steps: int) -> None:
    """Say where so few updates are made that the averaged weights, which are evaluated, stay near the start.

    Args:
        config: the recipe.
        steps: of the whole run.
    """
    decay, updates = config.train.ema_decay, steps // config.optimizer.accumulate_steps
    if decay is None or not updates:
        return
    start = share_of_start(decay, updates, warmup=config.train.ema_warmup)
    if start <= SHARE_OF_START:
        return
    logger.warning(
        "train.ema_decay %g over %d updates: %.0f %% of the evaluated weights are still those of the start; "
        "%.3g would leave %.0f %%%s",
        decay,
        updates,
        100 * start,
        SHARE_OF_START ** (1 / updates),
        100 * SHARE_OF_START,
        "" if config.train.ema_warmup else ", and train.ema_warmup true next to nothing",
    )
