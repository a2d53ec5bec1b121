"""Batches depend on seed and epoch, and on nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import mindspore.dataset as ms_dataset
import numpy as np
import pytest
from PIL import Image

from common.errors import DataError
from datazoo.pictures import PictureSet
from datazoo.pipeline import loader
from datazoo.pipeline.loader import TrainLoader, eval_dataset, evaluation_inputs
from datazoo.pipeline.order import Shard
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec

SPEC = PreprocessingSpec(resize=20, image_size=16)
GRAY = PreprocessingSpec(color="gray", resize=None, image_size=8, mean=(0.0,), std=(1.0,))
NONE = AugmentationConfig()
EVERYTHING = AugmentationConfig(
    random_resized_crop=True,
    horizontal_flip=0.5,
    color_jitter=0.4,
    shift=2,
    rotation=20,
    randaugment=2,
    random_erasing=0.5,
)
SQUARE = AugmentationConfig(horizontal_flip=0.5, shift=1)
MIXED = AugmentationConfig(horizontal_flip=0.5, mixup=0.4, cutmix=1.0)
AUGMENTATIONS = pytest.mark.parametrize(
    "augment", [NONE, EVERYTHING, SQUARE, MIXED], ids=["none", "all", "square", "mix"]
)


def batches(dataset: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(dataset.create_tuple_iterator(num_epochs=1, output_numpy=True))


def assert_same(first: list, second: list) -> None:
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> PictureSet:
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for index in range(22):
        small = rng.integers(0, 256, (5, 6, 3), np.uint8)
        Image.fromarray(small).resize((40 + index, 33), Image.Resampling.BICUBIC).save(folder / f"{index:02}.jpg")
    return PictureSet(
        "train", ("a", "b", "c"), np.arange(22, dtype=np.int32) % 3, paths=tuple(sorted(folder.iterdir()))
    )


@pytest.fixture
def numbered() -> PictureSet:
    """Pictures whose every pixel is the picture's number, which is also its label."""
    labels = np.arange(22, dtype=np.int32)
    arrays = np.broadcast_to(labels.astype(np.uint8)[:, None, None, None], (22, 8, 8, 1))
    return PictureSet("train", tuple(map(str, range(22))), labels, arrays=np.ascontiguousarray(arrays))


def make(pictures: PictureSet, augment: AugmentationConfig, **options: Any) -> TrainLoader:
    options = {"batch_size": 4, "seed": 7} | options
    return TrainLoader(pictures, SPEC, augment, **options)


@AUGMENTATIONS
def test_threads_do_not_change_a_pixel(files: PictureSet, augment: AugmentationConfig) -> None:
    assert_same(batches(make(files, augment, workers=1).epoch(3)), batches(make(files, augment).epoch(3)))


@AUGMENTATIONS
def test_skipping_steps_gives_the_rest_of_the_same_epoch(files: PictureSet, augment: AugmentationConfig) -> None:
    whole = batches(make(files, augment).epoch(1))

    assert_same(batches(make(files, augment).epoch(1, skip_steps=4)), whole[4:])


@pytest.mark.parametrize("augment", [NONE, EVERYTHING, SQUARE], ids=["none", "all", "square"])
def test_two_ranks_together_see_what_one_sees(files: PictureSet, augment: AugmentationConfig) -> None:
    alone = batches(make(files, augment, batch_size=8).epoch(0))
    ranks = [batches(make(files, augment, batch_size=4, shard=Shard(rank, 2)).epoch(0)) for rank in (0, 1)]

    joined = [tuple(map(np.concatenate, zip(*pair, strict=True))) for pair in zip(*ranks, strict=True)]
    assert_same(joined, alone)


def test_random_crops_can_be_smaller_than_what_is_evaluated(files: PictureSet) -> None:
    augment = AugmentationConfig(random_resized_crop=True, train_size=12, cutmix=1.0)

    trained = batches(make(files, augment).epoch(0))[0][0]
    evaluated = batches(eval_dataset(files, SPEC, batch_size=4))[0][0]

    assert (trained.shape, evaluated.shape) == ((4, 3, 12, 12), (4, 3, 16, 16))


@pytest.mark.parametrize("augment", [EVERYTHING, SQUARE, MIXED], ids=["all", "square", "mix"])
def test_epochs_and_seeds_differ(files: PictureSet, augment: AugmentationConfig) -> None:
    first = batches(make(files, augment).epoch(0))[0][0]

    assert not np.array_equal(first, batches(make(files, augment).epoch(1))[0][0])
    assert not np.array_equal(first, batches(make(files, augment, seed=8).epoch(0))[0][0])


def test_a_fresh_process_gives_the_same_epoch() -> None:
    code = """
import hashlib, numpy as np
from datazoo.pipeline.loader import TrainLoader
from datazoo.sources.splits import load_splits
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
spec = PreprocessingSpec(color="gray", resize=28, image_size=28, mean=(0.1,), std=(0.3,))
pictures = load_splits("digits").val.subset(range(16))
loader = TrainLoader(pictures, spec, AugmentationConfig(rotation=10, shift=2), batch_size=8, seed=1)
digest = hashlib.sha256()
for image, label in loader.epoch(5).create_tuple_iterator(num_epochs=1, output_numpy=True):
    digest.update(image.tobytes() + label.tobytes())
"""
    here: dict[str, Any] = {}
    exec(code, here)
    root = Path(__file__).resolve().parents[4]
    run = [sys.executable, "-c", code + "print(digest.hexdigest())"]

    there = subprocess.run(run, cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    assert there == here["digest"].hexdigest()


def test_every_picture_is_seen_and_the_last_batch_filled_up(numbered: PictureSet) -> None:
    loader = TrainLoader(numbered, GRAY, NONE, batch_size=4, seed=0)

    labels = np.concatenate([label for _, label in batches(loader.epoch(0))])

    assert loader.steps_per_epoch == 6
    np.testing.assert_array_equal(np.sort(labels[:22]), np.arange(22))
    np.testing.assert_array_equal(labels[22:], labels[:2])


@pytest.mark.parametrize("limit", [0, 1 << 30], ids=["streamed", "in memory"])
@pytest.mark.parametrize("augment", [NONE, AugmentationConfig(horizontal_flip=0.5)], ids=["plain", "augmented"])
def test_pictures_keep_their_labels(
    numbered: PictureSet, augment: AugmentationConfig, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "MEMORY_LIMIT", limit)
    train = TrainLoader(numbered, GRAY, augment, batch_size=5, seed=0)

    for image, label in batches(train.epoch(0)):
        assert (image.dtype, image.shape, label.dtype) == (np.float32, (5, 1, 8, 8), np.int32)
        np.testing.assert_array_equal(np.rint(image * 255), np.broadcast_to(label[:, None, None, None], image.shape))


def test_memory_and_streaming_give_the_same_batches(files: PictureSet, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [batches(make(files, augment).epoch(0)) for augment in (NONE, SQUARE)]
    monkeypatch.setattr(loader, "MEMORY_LIMIT", 0)
    streamed = [batches(make(files, augment).epoch(0)) for augment in (NONE, SQUARE)]

    for a, b in zip(kept, streamed, strict=True):
        assert_same(a, b)


@pytest.mark.parametrize("limit", [0, 1 << 30], ids=["streamed", "in memory"])
@pytest.mark.parametrize("size", [1, 3])
def test_evaluation_sees_every_picture_once(
    files: PictureSet, size: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "MEMORY_LIMIT", limit)

    ranks = [batches(eval_dataset(files, SPEC, 4, Shard(rank, size))) for rank in range(size)]

    images, labels = (np.concatenate([batch[column] for rank in ranks for batch in rank]) for column in (0, 1))
    np.testing.assert_array_equal(labels[labels >= 0], files.labels)
    np.testing.assert_array_equal(images[labels >= 0], evaluation_inputs(files, SPEC))
    assert len({len(rank) for rank in ranks}) == 1


def test_evaluation_can_be_repeated(files: PictureSet) -> None:
    dataset = eval_dataset(files, SPEC, 4)

    assert_same(batches(dataset), batches(dataset))


def test_mixed_labels_are_distributions(files: PictureSet) -> None:
    image, label = batches(make(files, MIXED).epoch(0))[0]

    assert (image.shape, label.dtype, label.shape) == ((4, 3, 16, 16), np.float32, (4, 3))
    np.testing.assert_allclose(label.sum(axis=1), 1, rtol=1e-6)


def test_batch_larger_than_the_data_is_refused(files: PictureSet) -> None:
    with pytest.raises(DataError, match="larger than the data"):
        make(files, NONE, batch_size=12, shard=Shard(0, 2))


def test_mindspores_own_seed_is_left_alone(files: PictureSet) -> None:
    before = ms_dataset.config.get_seed()

    batches(make(files, EVERYTHING).epoch(0))

    assert ms_dataset.config.get_seed() == before


def test_vanished_file_is_named(tmp_path: Path) -> None:
    missing = PictureSet("train", ("a",), np.zeros(1, np.int32), paths=(tmp_path / "gone.jpg",))

    with pytest.raises(Exception, match=r"gone\.jpg cannot be read"):
        evaluation_inputs(missing, SPEC)
