"""Batches of cached features, with the interface of the picture loaders."""

from __future__ import annotations

import numpy as np
from mindspore.dataset import Dataset

from datazoo.features.cache import CachedFeatures
from datazoo.pipeline.loader import evaluation_batches
from datazoo.pipeline.order import WHOLE, Shard, epoch_order, evaluation_rows, rank_positions
from datazoo.pipeline.reader import dataset_of

_VIEWS = 0x71E3  # keeps the draws of views apart from those of the order


class FeatureLoader:
    """Training batches of features; an epoch is a pure function of (seed, epoch).

    Args:
        features: of the training split.
        batch_size: pictures per rank and step.
        seed: of the order and of the view that every picture shows in an epoch.
        shard: which part of every global batch to read.

    Raises:
        DataError: the global batch is larger than the data.
    """

    def __init__(self, features: CachedFeatures, *, batch_size: int, seed: int, shard: Shard = WHOLE) -> None:
        self._count = len(features.labels)
        self._positions = rank_positions(self._count, batch_size, shard)
        self._features, self._seed = features, seed

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches of an epoch."""
        return len(self._positions)

    def epoch(self, epoch: int, skip_steps: int = 0) -> Dataset:
        """Return the batches of an epoch, without the first `skip_steps`.

        Returns:
            MindSpore dataset with the columns `image`, float32 (B, ...), and `label`, int32 (B,).
        """
        positions = self._positions[skip_steps:]
        order = epoch_order(self._count, self._seed, epoch)[positions % self._count]
        values, labels = self._features.values, self._features.labels
        views = np.random.default_rng([self._seed, epoch, _VIEWS]).integers(len(values), size=self._count)

        def read(step: int) -> tuple[np.ndarray, ...]:
            pictures = order[step]
            return values[views[pictures], pictures], labels[pictures]

        return dataset_of(read, len(order), ["image", "label"])


def feature_eval_dataset(features: CachedFeatures, batch_size: int, shard: Shard = WHOLE) -> Dataset:
    """Return the evaluation view of every picture exactly once, in order.

    Returns:
        MindSpore dataset with the columns `image`, float32 (B, ...), and `label`, int32 (B,), -1 where a row only fills
        up a batch.
    """
    rows = evaluation_rows(len(features.labels), batch_size, shard)
    return evaluation_batches(features.values[0], features.labels, rows)
