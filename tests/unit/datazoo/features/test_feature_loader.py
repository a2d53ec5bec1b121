"""Batches of cached features: every picture once an epoch, in a random view, and resumed exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mindspore.dataset import Dataset

from datazoo.features.cache import CachedFeatures
from datazoo.features.loader import FeatureLoader, feature_eval_dataset
from datazoo.pipeline.order import Shard


def numbered_features(views: int) -> CachedFeatures:
    values = np.arange(11, dtype=np.float32)[None, :, None] + 100 * np.arange(views, dtype=np.float32)[:, None, None]
    return CachedFeatures(values, np.arange(11, dtype=np.int32), from_cache=True, path=Path())


def batches(dataset: Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(dataset.create_tuple_iterator(num_epochs=1, output_numpy=True))


def test_feature_batches_show_a_random_view_of_every_picture() -> None:
    loader = FeatureLoader(numbered_features(views=4), batch_size=4, seed=0)

    epochs = [batches(loader.epoch(epoch)) for epoch in range(10)]

    values, labels = (np.concatenate([batch[column] for epoch in epochs for batch in epoch]) for column in (0, 1))
    np.testing.assert_array_equal(values[:, 0] % 100, labels)
    assert set(values[:, 0] // 100) == {0, 1, 2, 3}
    assert all(set(np.concatenate([label for _, label in epoch])) == set(range(11)) for epoch in epochs)


def test_feature_epochs_resume_exactly() -> None:
    loader = FeatureLoader(numbered_features(views=4), batch_size=4, seed=0)

    whole, rest = batches(loader.epoch(2)), batches(loader.epoch(2, skip_steps=1))

    assert loader.steps_per_epoch == 3
    for expected, batch in zip(whole[1:], rest, strict=True):
        np.testing.assert_array_equal(expected[0], batch[0])
        np.testing.assert_array_equal(expected[1], batch[1])


def test_feature_evaluation_sees_the_first_view_once() -> None:
    ranks = [batches(feature_eval_dataset(numbered_features(views=2), 4, Shard(rank, 2))) for rank in (0, 1)]

    values, labels = (np.concatenate([batch[column] for rank in ranks for batch in rank]) for column in (0, 1))

    np.testing.assert_array_equal(labels[labels >= 0], np.arange(11))
    np.testing.assert_array_equal(values[labels >= 0, 0], np.arange(11))
