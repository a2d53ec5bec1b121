"""What a network is fed with: batches of pictures, or of cached features."""

from __future__ import annotations

import copy
import logging
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from mindspore import nn
from mindspore.dataset import Dataset, GeneratorDataset

from datazoo.doctor.copies import held_out_parts
from datazoo.features.cache import CachedFeatures, Extractor, Views, cached_features, is_cached
from datazoo.features.loader import FeatureLoader, feature_eval_dataset
from datazoo.features.photos import count_seen
from datazoo.pictures import PictureSet, Splits
from datazoo.pipeline.decoded_cache import DecodedCacheChoice
from datazoo.pipeline.loader import TrainLoader, eval_dataset
from datazoo.pipeline.order import Shard
from datazoo.pipeline.reader import OnBadPicture
from engine.config.schema import Config
from engine.jobs.crop_resize import crop_resize
from engine.jobs.feature_extractor import FeatureExtractor, extractor_id
from engine.runtime.start import Runtime

logger = logging.getLogger(__name__)


class EpochSource(Protocol):
    """Training data whose epochs are pure functions of (seed, epoch)."""

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in an epoch."""

    def epoch(self, epoch: int, skip_steps: int = 0) -> Dataset:
        """A MindSpore dataset of the epoch's (image, label) batches, without the first `skip_steps`."""


class _AllEpochs:
    """The batches of epoch after epoch, each by a dataset of its own."""

    def __init__(self, source: EpochSource, first: int, skip_steps: int, end: int) -> None:
        self._source = source
        self._skips = {epoch: skip_steps if epoch == first else 0 for epoch in range(first, end)}

    def __len__(self) -> int:
        return len(self._skips) * self._source.steps_per_epoch - sum(self._skips.values())

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for epoch, skip in self._skips.items():
            batches = self._source.epoch(epoch, skip)
            yield from batches.create_tuple_iterator(num_epochs=1, output_numpy=True)


def all_epochs(source: EpochSource, first: int, skip_steps: int, end: int) -> Dataset:
    """Return the batches of several epochs as one MindSpore dataset.

    Args:
        source: of the epochs.
        first: number of the first epoch.
        skip_steps: batches of that one to leave out.
        end: number of the epoch after the last one.
    """
    batches = _AllEpochs(source, first, skip_steps, end)
    return GeneratorDataset(batches, ["image", "label"], shuffle=False, num_parallel_workers=1)


@dataclass(frozen=True)
class Feed:
    """Batches to train on and to evaluate with.

    Args:
        train: the training split.
        held_out: datasets of (image, label) batches, in order, of `val`, `test` if there is one, and `test_unseen` if
            test leaks; made once, read again and again.
    """

    train: EpochSource
    held_out: Mapping[str, Dataset]


def make_feed(config: Config, splits: Splits, runtime: Runtime, front: nn.Cell | None) -> Feed:
    """Make the batches of this rank.

    Args:
        config: the recipe.
        splits: training, validation and test pictures.
        runtime: device and rank.
        front: frozen layers whose outputs are fed instead of pictures.
    """
    data, shard = config.data, Shard(runtime.rank, runtime.world_size)
    eval_batch_size = data.eval_batch_size or data.batch_size
    parts = held_out_parts(splits)
    if front is not None:
        source = FeatureSource(config, front, runtime)
        features = source.of(splits.train, data.features.views)
        of_held_out = {part.split: source.of(part, views=1) for part in parts}
        if config.finetune.solves_head and config.finetune.probe_l2 is None:
            _say_what_was_seen(features, of_held_out)
        return Feed(
            FeatureLoader(features, batch_size=data.batch_size, seed=config.train.seed, shard=shard),
            {split: feature_eval_dataset(part, eval_batch_size, shard) for split, part in of_held_out.items()},
        )
    decoded = DecodedCacheChoice(data.decoded_cache, data.cache_dir / "decoded", int(data.decoded_cache_gb * 1e9))
    pictures = TrainLoader(
        splits.train,
        data.preprocessing,
        data.augmentation,
        batch_size=data.batch_size,
        seed=config.train.seed,
        shard=shard,
        workers=data.workers,
        on_bad="fail" if data.on_bad_image == "fail" else "replace",
        decoded=decoded,
        resize=crop_resize(data.augmentation, config.runtime.kernels),
    )
    on_bad: OnBadPicture = "fail" if data.on_bad_image == "fail" else "blank"
    return Feed(
        pictures,
        {
            s.split: eval_dataset(s, data.preprocessing, eval_batch_size, shard, data.workers, on_bad, decoded)
            for s in parts
        },
    )


def _say_what_was_seen(train: CachedFeatures, held_out: Mapping[str, CachedFeatures]) -> None:
    """Say how many held-out pictures look like one to train on, where a penalty is chosen by such likeness anyway."""
    for split, part in held_out.items():
        seen = count_seen((train.values[0], train.labels), (part.values[0], part.labels))
        if seen:
            logger.info(
                "%s: %d of %d pictures look like a training picture of their class (by their features: turned, cropped "
                "or of one scene); the score on other photos is lower, and --folds 5 keeps such pictures together",
                split, seen, len(part.labels),
            )  # fmt: skip


class FeatureSource:
    """Cached features of any split, by layers as they were when this was made.

    Args:
        config: the recipe.
        layers: from pictures to features.
        runtime: device and rank; every rank computes its part.
    """

    def __init__(self, config: Config, layers: nn.Cell, runtime: Runtime) -> None:
        self._config = config
        self._runtime = runtime
        data = config.data
        backend = data.features.backend if runtime.device == "CPU" else "mindspore"
        self._extractor = Extractor(
            FeatureExtractor(layers, backend, config.runtime.threads),
            extractor_id(layers, backend),
            data.eval_batch_size or data.batch_size,
        )

    def of(self, pictures: PictureSet, views: int) -> CachedFeatures:
        """Features of a split, from the cache or computed now."""
        data, runtime = self._config.data, self._runtime
        return cached_features(
            pictures,
            self._views(views),
            self._extractor,
            data.features.cache_dir,
            workers=data.workers,
            shard=Shard(runtime.rank, runtime.world_size),
            barrier=runtime.barrier,
        )

    def like(self, config: Config) -> FeatureSource:
        """The same layers for another recipe."""
        other = copy.copy(self)
        other._config = config
        return other

    def to_compute(self, pictures: PictureSet, views: int) -> int:
        """How many views of pictures `of` would have to compute."""
        known = is_cached(pictures, self._views(views), self._extractor, self._config.data.features.cache_dir)
        return 0 if known else views * len(pictures)

    def seconds_each(self, pictures: PictureSet) -> float:
        """Measure how long one view takes, on up to two batches, behind one picture that has the network built."""
        with tempfile.TemporaryDirectory() as folder:
            self._seconds(pictures.subset([0], "sample"), Path(folder))
            some = pictures.subset(range(min(2 * self._extractor.batch_size, len(pictures))), "sample")
            return self._seconds(some, Path(folder)) / len(some)

    def _seconds(self, pictures: PictureSet, folder: Path) -> float:
        began = time.perf_counter()
        cached_features(pictures, self._views(1), self._extractor, folder, workers=self._config.data.workers)
        return time.perf_counter() - began

    def _views(self, count: int) -> Views:
        data = self._config.data
        # Features are of the size that is evaluated.
        augment = data.augmentation.model_copy(update={"train_size": None})
        return Views(data.preprocessing, augment, count, self._config.train.seed)
