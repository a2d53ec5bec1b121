"""From a recipe to the parts of a run: pictures, network, batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from mindspore import nn

from common.errors import ConfigError
from datazoo.doctor.check import check_splits
from datazoo.doctor.copies import log_leaks
from datazoo.features.cache import Features, cached_features
from datazoo.features.loader import FeatureLoader, feature_eval_dataset
from datazoo.pipeline.loader import TrainLoader, eval_dataset
from datazoo.sources.splits import PictureSet, load_splits
from engine.config.schema import Config, DataConfig, ModelConfig
from engine.jobs.feature_extractor import FeatureExtractor, extractor_id
from engine.jobs.trainer import EpochSource
from engine.runtime.start import Runtime
from engine.step.batch_norm import use_sync_batch_norm
from netzoo import create_net
from netzoo.batch_norms import live_batch_norms
from netzoo.blocks import block_count, block_index, is_head
from netzoo.classifier import logits_network
from netzoo.closed_form import class_means_head, linear_probe_head
from netzoo.freeze import freeze
from netzoo.lora import add_lora
from netzoo.split import split_frozen
from netzoo.weights.files import read_weights
from netzoo.weights.loading import NEW_HEAD, load_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Feed:
    """What is trained and what it is fed with."""

    cell: nn.Cell
    """The network, or the part that trains where features are cached."""
    train: EpochSource
    held_out: Mapping[str, Any]
    """Datasets of (image, label) batches, in order, of `val` and `test`; made once, read again and again."""


@dataclass(frozen=True)
class Pictures:
    """The splits of a data set, checked."""

    train: PictureSet
    val: PictureSet
    test: PictureSet
    leaking: frozenset[str]
    """Names of the splits that hold copies of training pictures."""


def open_pictures(config: DataConfig) -> Pictures:
    """Load the splits, find pictures that cannot be decoded and copies of training pictures in val and test."""
    splits = load_splits(
        config.source,
        config.path,
        **config.model_dump(
            include={"train_split", "val_split", "test_split", "val_fraction", "split_seed", "classes", "classes_file"}
        ),
    )
    splits = check_splits(splits, on_bad_image=config.on_bad_image, resize=config.preprocessing.resize)
    leaks = log_leaks(splits)
    return Pictures(
        splits.train, splits.val, splits.test, frozenset(b for (a, b), n in leaks.items() if n and a == "train")
    )


def build_network(model: ModelConfig, num_classes: int) -> nn.Cell:
    """Make the network of a recipe.

    Raises:
        ConfigError: `model.num_classes` contradicts the data or the checkpoint.
    """
    if model.num_classes not in (None, num_classes):
        raise ConfigError(
            f"model.num_classes is {model.num_classes}, but there are {num_classes} classes; remove the key to follow"
        )
    return create_net(model.name, num_classes=num_classes, **model.builder_options())


def load_pretrained(network: nn.Cell, config: Config) -> None:
    """Load the recipe's published weights, if it names any."""
    if config.finetune.pretrained is None:
        return
    weights = read_weights(config.finetune.pretrained)
    if config.finetune.new_head:
        weights = {name: value for name, value in weights.items() if not is_head(name)}
    report = load_weights(network, weights, allow=NEW_HEAD if config.finetune.new_head else ())
    logger.info("%s: %s", config.finetune.pretrained, report)


def depth_of(network: nn.Cell) -> Callable[[str], int]:
    """Number of blocks between a parameter and the head, by its name; for layer-wise learning-rate decay."""
    top = block_count(network)
    return lambda name: 0 if (block := block_index(name)) is None else top - block


def make_feed(config: Config, network: nn.Cell, splits: Pictures, runtime: Runtime) -> Feed:
    """Freeze, start the head, add adapters, and build the batches."""
    finetune, data = config.finetune, config.data
    frozen = freeze(network, finetune.freeze_layer, finetune.freeze_patterns)
    logger.info("%s", frozen)
    if finetune.solves_head:
        pooled = _FeatureSource(config, network.pooled_backbone, runtime)
        _solve_head(network, finetune.head_init, pooled.of(splits.train, data.features.views))
    if finetune.lora.enabled:
        options = finetune.lora
        report = add_lora(network, options.targets, options.rank, options.alpha, options.dropout)
        logger.info("%s", report)
    live = len(live_batch_norms(network))
    if finetune.wise_ft_alpha and live:
        raise ConfigError(
            f"finetune.wise_ft_alpha: {live} BatchNorm layers would be left with the statistics of other weights; "
            r"freeze them with finetune.freeze_patterns ['features\..*\.(gamma|beta)']"
        )
    if config.train.ema_decay and live:
        logger.info("train.ema_decay: weights are averaged; %d BatchNorm layers keep their newest statistics", live)
    if config.train.bn_sync == "sync":
        use_sync_batch_norm(network)
    batch = {"batch_size": data.batch_size, "rank": runtime.rank, "size": runtime.size}
    eval_batch = {**batch, "batch_size": data.eval_batch_size or data.batch_size}
    if data.features.enabled:
        front, rest = split_frozen(network)
        cache = _FeatureSource(config, front, runtime)
        train = FeatureLoader(cache.of(splits.train, data.features.views), seed=config.train.seed, **batch)
        held_out = {
            s.split: feature_eval_dataset(cache.of(s, views=1), **eval_batch) for s in (splits.val, splits.test)
        }
        return Feed(cell=rest, train=train, held_out=held_out)
    pictures = TrainLoader(
        splits.train,
        data.preprocessing,
        data.augmentation,
        num_classes=len(splits.train.classes),
        seed=config.train.seed,
        workers=data.workers,
        **batch,
    )
    held_out = {
        s.split: eval_dataset(s, data.preprocessing, workers=data.workers, **eval_batch)
        for s in (splits.val, splits.test)
    }
    return Feed(cell=logits_network(network), train=pictures, held_out=held_out)


class _FeatureSource:
    """Cached features of any split, by layers as they were when this was made."""

    def __init__(self, config: Config, layers: nn.Cell, runtime: Runtime) -> None:
        self._config = config
        self._runtime = runtime
        backend = config.data.features.backend if runtime.device == "CPU" else "mindspore"
        self._id = extractor_id(layers, backend)
        self._extract = FeatureExtractor(layers, backend, config.runtime.threads)

    def of(self, split: PictureSet, views: int) -> Features:
        data = self._config.data
        return cached_features(
            split,
            data.preprocessing,
            data.augmentation.model_copy(update={"train_size": None}),  # features are of the size that is evaluated
            views=views,
            extract=self._extract,
            extractor_id=self._id,
            cache_dir=data.features.cache_dir,
            batch_size=data.eval_batch_size or data.batch_size,
            seed=self._config.train.seed,
            workers=data.workers,
            rank=self._runtime.rank,
            size=self._runtime.size,
            barrier=self._runtime.barrier,
        )


def _solve_head(network: nn.Cell, init: str, cached: Features) -> None:
    solve = class_means_head if init == "class_means" else linear_probe_head
    views = len(cached.values)
    weight, bias = solve(np.concatenate(cached.values), np.tile(cached.labels, views))
    network.head.set_classifier(weight, bias)
    logger.info(
        "head: solved by %s on cached features of %d pictures, %d view(s) each", init, len(cached.labels), views
    )
