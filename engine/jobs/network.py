"""The whole life of a network before its first step, in order, top to bottom."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mindspore import nn

from common.errors import ConfigError, RunError, WeightsError
from common.names import printable
from datazoo.features.cache import CachedFeatures
from engine.config.finetune_section import FinetuneConfig, LoraConfig
from engine.config.schema import Config
from engine.jobs.solved_head import solve_head
from engine.run.checkpoint import Sidecar
from engine.run.run_data import check_same_classes
from engine.runtime.start import Runtime
from engine.step.amp import to_mixed_precision
from engine.step.batch_norm import use_sync_batch_norm
from kernels.swap import KernelReport, apply_kernels
from netzoo.batch_norms import live_batch_norms, values_per_channel
from netzoo.blocks import is_head
from netzoo.classifier import logits_network
from netzoo.dropout import seed_dropout
from netzoo.freeze import freeze
from netzoo.lora import LoraReport, add_lora
from netzoo.registry import NetworkOptions, build_net
from netzoo.split import split_frozen
from netzoo.weights import NEW_HEAD, load_weights, read_weights
from netzoo.weights.width import width_of

logger = logging.getLogger(__name__)

FeaturesOf = Callable[[nn.Cell], CachedFeatures]
"""Gives the training pictures' cached features by frozen layers that map pictures to pooled features (N, D)."""


@dataclass(frozen=True)
class PreparedNetwork:
    """One network, seen in four ways that share their parameters, and what computes it.

    Args:
        whole: all parameters; what is saved.
        evaluated: gives logits (B, num_classes) for what it is fed with: pictures, or the front's outputs.
        trained: the same at the recipe's mixed precision.
        front: frozen layers whose outputs are cached and fed; None where pictures are.
        kernels: the compiled CPU kernels, which can take loss and update too; None where MindSpore's operators run.
    """

    whole: nn.Cell
    evaluated: nn.Cell
    trained: nn.Cell
    front: nn.Cell | None
    kernels: Path | None


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
    frozen = freeze(network, finetune.freeze_layer, finetune.freeze_patterns, statistics=finetune.freeze_bn_statistics)
    logger.info("%s", frozen)
    # Where the head starts; before adapters sit on it.
    if finetune.solves_head:
        solve_head(network, finetune, features_of(network.pooled_backbone))
    if finetune.lora.enabled:
        logger.info("%s", add_adapters(network, finetune.lora))
    # BatchNorm over several ranks, and under averaged weights.
    check_live_batch_norms(network, config)
    check_batch_norm_sees_enough(network, config, runtime.world_size)
    if config.train.bn_sync == "sync":
        use_sync_batch_norm(network)
    # The part that trains, where the outputs of the frozen front are cached.
    front, evaluated = split_frozen(network) if config.data.features.enabled else (None, logits_network(network))
    # Faster layers for a CPU; a front that onnxruntime computes is exported as it is.
    exchanged = evaluated if config.data.features.backend == "onnxruntime" else network
    kernels = use_cpu_kernels(exchanged, config, runtime).library
    # Every rank draws other dropout masks and starts from the main rank's weights.
    seed_dropout(network, config.train.seed * runtime.world_size + runtime.rank)
    runtime.broadcast(network)
    # Last, and before an optimiser is made: it may replace parameters.
    return PreparedNetwork(network, evaluated, to_mixed_precision(evaluated, config.amp), front, kernels)


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


def with_width_of_weights(config: Config, path: Path | None) -> Config:
    """Take the network's width from published weights, if there are any and the recipe sets none; one line says so.

    Raises:
        WeightsError: they cannot be read.
    """
    model = config.model
    if path is None or "width_mult" not in type(model).model_fields or "width_mult" in model.model_fields_set:
        return config
    width = width_of(read_weights(path))
    if width is None or width == model.model_dump()["width_mult"]:
        return config
    logger.info("model.width_mult: %s, the width of %s", width, printable(path))
    return config.model_copy(update={"model": model.model_copy(update={"width_mult": width})})


def load_published_weights(network: nn.Cell, config: FinetuneConfig, classes: tuple[str, ...]) -> None:
    """Load the recipe's published weights, if it names any.

    Args:
        network: by `build_network`.
        config: the recipe's `finetune` section.
        classes: the data's, in label order; a head that is kept from a run's checkpoint must know the same.

    Raises:
        WeightsError: they cannot be read, or do not fit the network.
        RunError: a head of other classes.
    """
    if config.pretrained is None:
        return
    weights = read_weights(config.pretrained, [parameter.name for parameter in network.get_parameters()])
    if not config.new_head and config.pretrained.resolve().with_suffix(".json").is_file():
        _check_head_classes(config.pretrained, classes)
    if config.new_head:
        weights = {name: value for name, value in weights.items() if not is_head(name)}
    try:
        report = load_weights(network, weights, allow=NEW_HEAD if config.new_head else ())
    except WeightsError as error:
        width = width_of(weights)
        hint = f"\n{config.pretrained} is a MobileNetV2 of width {width} (model.width_mult)" if width else ""
        raise WeightsError(f"{config.pretrained}: {error}{hint}") from error
    logger.info("%s: %s", config.pretrained, report)


def _check_head_classes(checkpoint: Path, classes: tuple[str, ...]) -> None:
    try:
        known = Sidecar.read(checkpoint).classes
    except RunError as error:  # any JSON file may stand beside a weights file
        logger.warning("%s: the order of its classes cannot be compared with the data's (%s)", checkpoint, error)
        return
    check_same_classes(f"finetune.pretrained {checkpoint} with finetune.new_head false", known, classes)


def use_cpu_kernels(network: nn.Cell, config: Config, runtime: Runtime) -> KernelReport:
    """Let the kernels in `kernels/` compute what they can, and say what came of it."""
    if config.train.epochs == 0:
        return KernelReport()  # nothing is trained
    if not config.runtime.kernels:
        report = KernelReport(unavailable="runtime.kernels is false")
    elif runtime.device != "CPU":
        report = KernelReport(unavailable=f"this is {runtime.device}")
    elif config.amp.level != "O0":
        report = KernelReport(unavailable=f"they compute in float32, amp.level is {config.amp.level}")
    else:
        report = apply_kernels(network)
    logger.info("%s", report)
    return report


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
            "set finetune.freeze_bn_statistics true"
        )
    if config.train.ema_decay and live:
        logger.info("train.ema_decay: weights are averaged; %d BatchNorm layers keep their newest statistics", live)


def check_batch_norm_sees_enough(network: nn.Cell, config: Config, ranks: int) -> None:
    """Refuse BatchNorm over a single value a channel: less its own mean that is 0, whatever the picture shows.

    Accumulated steps do not help: each has its own statistics.

    Args:
        network: the whole one, frozen as it will be trained.
        config: the recipe.
        ranks: number of processes, which share their statistics under `train.bn_sync sync`.

    Raises:
        ConfigError: a layer that is not frozen sees one picture of one pixel.
    """
    data = config.data
    pictures = data.batch_size * (ranks if config.train.bn_sync == "sync" else 1)
    if pictures > 1 or not live_batch_norms(network):
        return
    size = data.augmentation.train_size or data.preprocessing.image_size
    values = values_per_channel(network, (data.preprocessing.channels, size, size))
    single = [name for name, count in values.items() if count == 1]
    if single:
        pattern = re.escape(single[0])
        more = f" and {len(single) - 1} more" if len(single) > 1 else ""
        raise ConfigError(
            f"data.batch_size 1: BatchNorm {single[0]}{more} sees one value a channel (a 1x1 map of {size}x{size} "
            "pictures), makes 0 of it and learns nothing\n"
            "use data.batch_size 2 or more, larger pictures, or freeze its statistics with "
            rf"finetune.freeze_patterns ['{pattern}\.(gamma|beta)']"
        )
