"""Batches of cached features, with the interface of the picture loaders."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from datazoo.features.cache import Features
from datazoo.pipeline.loader import dataset_of, evaluation_batches
from datazoo.pipeline.order import epoch_order, evaluation_rows, rank_positions

_log = logging.getLogger(__name__)

_VIEWS = 0x71E3  # keeps the draws of views apart from those of the order


class FeatureLoader:
    """Training batches of features; an epoch is a pure function of (seed, epoch).

    Args:
        features: of the training split.
        batch_size: pictures per rank and step.
        seed: of the order and of the view that every picture shows in an epoch.
        rank: which part of every global batch to read.
        size: number of ranks.

    Raises:
        DataError: the global batch is larger than the data.
    """

    def __init__(self, features: Features, *, batch_size: int, seed: int, rank: int = 0, size: int = 1) -> None:
        self._count = len(features.labels)
        self._positions = rank_positions(self._count, batch_size, rank, size)
        self._features, self._seed = features, seed
        repeated = len(self._positions) * batch_size * size - self._count
        if repeated:
            _log.info("last batch of an epoch is filled up with %d pictures seen before in that epoch", repeated)

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches of an epoch."""
        return len(self._positions)

    def epoch(self, epoch: int, skip_steps: int = 0) -> Any:
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


def feature_eval_dataset(features: Features, batch_size: int, rank: int = 0, size: int = 1) -> Any:
    """Return the evaluation view of every picture exactly once, in order.

    Returns:
        MindSpore dataset with the columns `image`, float32 (B, ...), and `label`, int32 (B,), -1 where a row only fills
        up a batch.
    """
    rows = evaluation_rows(len(features.labels), batch_size, rank, size)
    return evaluation_batches(features.values[0], features.labels, rows)
