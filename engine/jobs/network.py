"""The whole life of a network before its first step, in order, top to bottom."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mindspore import nn

from common.errors import ConfigError
from datazoo.features.cache import CachedFeatures
from engine.config.schema import Config, FinetuneConfig, LoraConfig
from engine.runtime.start import Runtime
from engine.step.amp import to_mixed_precision
from engine.step.batch_norm import use_sync_batch_norm
from kernels.swap import KernelReport, apply_kernels
from netzoo.batch_norms import live_batch_norms
from netzoo.blocks import is_head
from netzoo.classifier import logits_network
from netzoo.closed_form import class_means_head, linear_probe_head
from netzoo.dropout import seed_dropout
from netzoo.freeze import freeze
from netzoo.lora import LoraReport, add_lora
from netzoo.options import NetworkOptions
from netzoo.registry import build_net
from netzoo.split import split_frozen
from netzoo.weights import NEW_HEAD, load_weights, read_weights

logger = logging.getLogger(__name__)

FeaturesOf = Callable[[nn.Cell], CachedFeatures]
"""Gives the training pictures' cached features by frozen layers that map pictures to pooled features (N, D)."""


@dataclass(frozen=True)
class PreparedNetwork:
    """One network, seen in four ways that share their parameters.

    Args:
        whole: all parameters; what is saved.
        evaluated: gives logits (B, num_classes) for what it is fed with: pictures, or the front's outputs.
        trained: the same at the recipe's mixed precision.
        front: frozen layers whose outputs are cached and fed; None where pictures are.
    """

    whole: nn.Cell
    evaluated: nn.Cell
    trained: nn.Cell
    front: nn.Cell | None


def prepare_network(network: nn.Cell, config: Config, runtime: Runtime, features_of: FeaturesOf) -> PreparedNetwork:
    """Make a network ready for its first step.

    Args:
        network: by `build_network`, with its published weights (`load_published_weights`).
        config: the recipe.
        runtime: the ranks.
        features_of: for heads that are solved.

    Raises:
        ConfigError, NetError: the recipe asks for what this network cannot do.
    """
    finetune = config.finetune
    # What trains.
    logger.info("%s", freeze(network, finetune.freeze_layer, finetune.freeze_patterns))
    # Where the head starts; before adapters sit on it.
    if finetune.solves_head:
        solve_head(network, finetune.head_init, features_of(network.pooled_backbone))
    if finetune.lora.enabled:
        logger.info("%s", add_adapters(network, finetune.lora))
    # BatchNorm over several ranks, and under averaged weights.
    check_live_batch_norms(network, config)
    if config.train.bn_sync == "sync":
        use_sync_batch_norm(network)
    # The part that trains, where the outputs of the frozen front are cached.
    front, evaluated = split_frozen(network) if config.data.features.enabled else (None, logits_network(network))
    # Faster layers for a CPU; a front that onnxruntime computes is exported as it is.
    use_cpu_kernels(evaluated if config.data.features.backend == "onnxruntime" else network, config, runtime)
    # Every rank draws other dropout masks and starts from the main rank's weights.
    seed_dropout(network, config.train.seed * runtime.world_size + runtime.rank)
    runtime.broadcast(network)
    # Last, and before an optimiser is made: it may replace parameters.
    return PreparedNetwork(network, evaluated, to_mixed_precision(evaluated, config.amp), front)


def build_network(options: NetworkOptions, num_classes: int) -> nn.Cell:
    """Make the network of a recipe or a checkpoint, with random weights.

    Raises:
        ConfigError: `model.num_classes` contradicts the data or the checkpoint.
    """
    if options.num_classes not in (None, num_classes):
        raise ConfigError(
            f"model.num_classes is {options.num_classes}, but there are {num_classes} classes; remove the key to follow"
        )
    return build_net(options, num_classes)


def load_published_weights(network: nn.Cell, config: FinetuneConfig) -> None:
    """Load the recipe's published weights, if it names any.

    Raises:
        WeightsError: they cannot be read, or do not fit the network.
    """
    if config.pretrained is None:
        return
    weights = read_weights(config.pretrained)
    if config.new_head:
        weights = {name: value for name, value in weights.items() if not is_head(name)}
    report = load_weights(network, weights, allow=NEW_HEAD if config.new_head else ())
    logger.info("%s: %s", config.pretrained, report)


def solve_head(network: nn.Cell, init: str, features: CachedFeatures) -> None:
    """Set the last layer to the solution on cached features.

    Args:
        network: its head has no adapter yet.
        init: the recipe's `finetune.head_init`.
        features: of the training pictures; every view counts as a picture.
    """
    solve = class_means_head if init == "class_means" else linear_probe_head
    views = len(features.values)
    weight, bias = solve(np.concatenate(features.values), np.tile(features.labels, views))
    network.head.set_classifier(weight, bias)
    logger.info(
        "head: solved by %s on cached features of %d pictures, %d view(s) each", init, len(features.labels), views
    )


def use_cpu_kernels(network: nn.Cell, config: Config, runtime: Runtime) -> None:
    """Let the kernels in `kernels/` compute what they can, and say what came of it."""
    if not config.runtime.kernels:
        report = KernelReport(unavailable="runtime.kernels is false")
    elif runtime.device != "CPU":
        report = KernelReport(unavailable=f"this is {runtime.device}")
    elif config.amp.level != "O0":
        report = KernelReport(unavailable=f"they compute in float32, amp.level is {config.amp.level}")
    else:
        report = apply_kernels(network)
    logger.info("%s", report)


def add_adapters(network: nn.Cell, config: LoraConfig) -> LoraReport:
    """Put the recipe's or the checkpoint's LoRA adapters on the network."""
    return add_lora(network, config.targets, config.rank, config.alpha, config.dropout)


def check_live_batch_norms(network: nn.Cell, config: Config) -> None:
    """Refuse or tell what happens to statistics where other weights are evaluated than those that made them.

    Raises:
        ConfigError: WiSE-FT with BatchNorm layers that are not frozen.
    """
    live = len(live_batch_norms(network))
    if config.finetune.wise_ft_alpha and live:
        raise ConfigError(
            f"finetune.wise_ft_alpha: {live} BatchNorm layers would be left with the statistics of other weights; "
            r"freeze them with finetune.freeze_patterns ['features\..*\.(gamma|beta)']"
        )
    if config.train.ema_decay and live:
        logger.info("train.ema_decay: weights are averaged; %d BatchNorm layers keep their newest statistics", live)
