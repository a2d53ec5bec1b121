"""Cached features: the outputs of frozen layers, computed once and kept in one memory-mapped file a split.

A cache is found by a key over everything it depends on (layers, preprocessing, augmentation, picture bytes): one that
is stale, truncated or foreign is built anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common.errors import DataError
from datazoo.features.cache_file import CacheFile
from datazoo.pictures import PictureSet
from datazoo.pipeline.order import WHOLE, Shard
from datazoo.pipeline.reader import PictureReader, dataset_of, naming_bad_pictures, opener
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
from datazoo.pipeline.transforms import apply_evaluation, apply_training, clamp_workers, evaluation_view, training_view

_log = logging.getLogger(__name__)

_FORMAT = 1  # part of the key: raise it when the layout or the preprocessing code changes its results


@dataclass(frozen=True)
class CachedFeatures:
    """Features of a split.

    Args:
        values: float32 (views, N, ...), memory-mapped; view 0 is the evaluation view.
        labels: int32 (N,).
        from_cache: whether they were there already.
        path: the file.
    """

    values: np.ndarray
    labels: np.ndarray
    from_cache: bool
    path: Path


def joined(parts: Sequence[CachedFeatures]) -> CachedFeatures:
    """Put the pictures of several splits, of as many views each, into one; in memory."""
    values = np.concatenate([part.values for part in parts], axis=1)
    labels = np.concatenate([part.labels for part in parts])
    return CachedFeatures(values, labels, all(part.from_cache for part in parts), parts[0].path)


@dataclass(frozen=True)
class Extractor:
    """What makes features of pictures.

    Args:
        extract: float32 (batch_size, C, H, W) -> float32 (batch_size, ...); the shape never varies.
        id: hash of the frozen layers' weights and architecture.
        batch_size: pictures per call.
    """

    extract: Callable[[np.ndarray], np.ndarray]
    id: str
    batch_size: int


@dataclass(frozen=True)
class Views:
    """Which views of every picture are cached.

    Args:
        spec: the preprocessing.
        augment: random changes of views 1, 2, ...; view 0 is the evaluation view.
        count: views per picture.
        seed: of the random changes.
    """

    spec: PreprocessingSpec
    augment: AugmentationConfig
    count: int = 1
    seed: int = 0


def feature_key(pictures: PictureSet, views: Views, extractor_id: str) -> str:
    """Return the SHA-256 over everything the features depend on (labels are not part of it)."""
    depends = {
        "format": _FORMAT,
        "extractor": extractor_id,
        "preprocessing": views.spec.model_dump(mode="json"),
        "views": views.count,
        # The evaluation view draws nothing: it is shared by recipes that differ in augmentation or seed.
        "augmentation": _changes(views.augment) if views.count > 1 else None,
        "seed": views.seed if views.count > 1 else None,
        "shape": None if pictures.arrays is None else list(pictures.arrays.shape),
    }
    digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode())
    for content in pictures.content_hashes():
        digest.update(content)
    return digest.hexdigest()


def _changes(augment: AugmentationConfig) -> dict[str, object]:
    """What is drawn, under the keys that caches of before know."""
    changes = augment.model_dump(mode="json")
    if changes["reduce_to"] is None:
        del changes["reduce_to"]
    return changes


def is_cached(pictures: PictureSet, views: Views, extractor: Extractor, cache_dir: Path) -> bool:
    """Whether `cached_features` would find them; arguments as there."""
    key = feature_key(pictures, views, extractor.id)
    file = CacheFile(Path(cache_dir), f"{pictures.split}_{key[:16]}", key, (views.count, len(pictures)))
    return file.problem() is None


def cached_features(
    pictures: PictureSet,
    views: Views,
    extractor: Extractor,
    cache_dir: Path,
    *,
    workers: int | None = None,
    shard: Shard = WHOLE,
    barrier: Callable[[], object] = lambda: None,
) -> CachedFeatures:
    """Open the features of a split, computing them first where they are not cached.

    Args:
        pictures: the split.
        views: of every picture.
        extractor: the frozen layers.
        cache_dir: folder of the cache files.
        workers: dataset threads; None takes the number of cores.
        shard: which contiguous part to compute; all ranks call this function with the same other arguments.
        barrier: returns once every rank has called it.

    Raises:
        DataError: the folder cannot be written, or a feature is not finite.
    """
    key = feature_key(pictures, views, extractor.id)
    file = CacheFile(Path(cache_dir), f"{pictures.split}_{key[:16]}", key, (views.count, len(pictures)))
    problem = file.problem()
    if problem:
        _log.info("features of %s: %s; computing %d x %d", pictures.split, problem, views.count, len(pictures))
        rows = np.array_split(np.arange(views.count * len(pictures)), shard.world_size)[shard.rank]
        started = time.perf_counter()
        features = _compute(pictures, views, extractor, rows, clamp_workers(workers), show=shard.rank == 0)
        file.write_part(features, len(rows), shard)
        seconds = time.perf_counter() - started
        _log.info("features of %s: %.1f s, %.0f pictures/s", pictures.split, seconds, len(rows) / max(seconds, 1e-9))
    else:
        _log.info("features of %s: %d x %d from the cache %s", pictures.split, views.count, len(pictures), file.path)
    barrier()
    if shard.rank == 0:
        file.join(shard.world_size)
    barrier()
    return CachedFeatures(file.open(), pictures.labels, from_cache=problem is None, path=file.path)


def _compute(
    pictures: PictureSet, views: Views, extractor: Extractor, rows: np.ndarray, workers: int, *, show: bool
) -> Iterator[np.ndarray]:
    """Yield the features of `rows` (view * N + picture) in order, float32 (batch_size or fewer, ...)."""
    with tqdm(total=len(rows), desc=f"features {pictures.split}", unit="img", disable=None if show else True) as bar:
        for view in np.unique(rows // len(pictures)):
            indices = rows[rows // len(pictures) == view] % len(pictures)
            for images in _batches(pictures, views, int(view), indices, extractor.batch_size, workers):
                count = len(images)
                missing = extractor.batch_size - count
                if missing:
                    images = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.float32)])
                features = _extracted(extractor, images)[:count]
                if not np.isfinite(features).all():
                    raise DataError(f"the frozen layers give features that are not finite on {pictures.split} pictures")
                yield features.astype(np.float32, copy=False)
                bar.update(count)


def _extracted(extractor: Extractor, images: np.ndarray) -> np.ndarray:
    try:
        return extractor.extract(images)
    except OSError as error:  # not to be taken for one of the cache's file, which is open meanwhile
        raise DataError(f"features cannot be computed: {error}") from error


def _batches(
    pictures: PictureSet, views: Views, view: int, indices: np.ndarray, batch_size: int, workers: int
) -> Iterator[np.ndarray]:
    """Yield one view of the pictures at `indices`, float32 (batch_size or fewer, C, H, W)."""
    spec, augment = views.spec, views.augment
    reader = PictureReader(
        pictures,
        evaluation_view(spec) if view == 0 else training_view(spec, augment, views.seed, view),
        opened=opener(pictures, None if view == 0 else augment.reduce_to),
    )

    def read(row: int) -> tuple[np.ndarray, ...]:
        return reader(int(indices[row]), position=int(indices[row]))

    dataset = dataset_of(read, len(indices), ["image", "label", "position"], workers)
    if view == 0:
        dataset = apply_evaluation(dataset, spec, workers)
    else:
        dataset = apply_training(dataset, spec, augment, views.seed, view, workers)
    dataset = dataset.batch(batch_size, num_parallel_workers=1)
    with naming_bad_pictures():
        for images, _, _ in dataset.create_tuple_iterator(num_epochs=1, output_numpy=True):
            yield images
