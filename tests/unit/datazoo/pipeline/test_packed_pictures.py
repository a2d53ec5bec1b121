"""Pictures in shards reach the network as the same pictures in files do: same order, same crops, same resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import datazoo.packed
from common.errors import DataError
from datazoo.pictures import PictureSet
from datazoo.pipeline import loader
from datazoo.pipeline.loader import TrainLoader, eval_dataset
from datazoo.pipeline.order import Shard
from datazoo.pipeline.reader import naming_bad_pictures
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
from datazoo.sources.splits import SplitChoice, load_splits
from tests.unit.datazoo.sources.shard_files import pairs, png, write_tar

SPEC = PreprocessingSpec(resize=20, image_size=16)
CROPS = AugmentationConfig(random_resized_crop=True, horizontal_flip=0.5)
COUNT = 22


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PictureSet:
    monkeypatch.setattr(loader, "MEMORY_LIMIT", 0)
    for number, of in enumerate((range(9), range(9, COUNT))):
        write_tar(tmp_path / "data" / f"train-{number:06d}.tar", pairs(of))
    write_tar(tmp_path / "data" / "val-000000.tar", pairs(range(COUNT, COUNT + 2)))
    return load_splits("image_folder", tmp_path / "data", SplitChoice(cache_dir=tmp_path)).train


@pytest.fixture
def files(tmp_path: Path) -> PictureSet:
    paths = tuple(tmp_path / f"{number:04d}.png" for number in range(COUNT))
    for number, path in enumerate(paths):
        path.write_bytes(png(number))
    return PictureSet("train", ("0", "1"), np.arange(COUNT, dtype=np.int32) % 2, paths=paths)


def batches(dataset: Any) -> list[np.ndarray]:
    with naming_bad_pictures():
        return [column for row in dataset.create_tuple_iterator(num_epochs=1, output_numpy=True) for column in row]


@pytest.mark.parametrize("skip", [0, 2])
def test_an_epoch_is_the_folders(packed: PictureSet, files: PictureSet, skip: int) -> None:
    of_shards, of_files = (
        TrainLoader(pictures, SPEC, CROPS, batch_size=4, seed=3, shard=Shard(1, 2)) for pictures in (packed, files)
    )

    for first, second in zip(batches(of_shards.epoch(5, skip)), batches(of_files.epoch(5, skip)), strict=True):
        np.testing.assert_array_equal(first, second)


def test_evaluation_is_the_folders(packed: PictureSet, files: PictureSet) -> None:
    of_shards, of_files = (batches(eval_dataset(pictures, SPEC, 8)) for pictures in (packed, files))

    for first, second in zip(of_shards, of_files, strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_bytes_have_the_folders_fingerprint(packed: PictureSet, files: PictureSet) -> None:
    assert packed.fingerprint() == files.fingerprint()


def test_a_shard_stays_open_while_it_is_read(packed: PictureSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datazoo.packed, "_opened", datazoo.packed._OpenShard)  # as if thrown out of the cache at once

    assert list(packed.contents()) == [png(number) for number in range(COUNT)]


def test_a_shard_that_is_replaced_under_a_run_is_named(packed: PictureSet, tmp_path: Path) -> None:
    write_tar(tmp_path / "data" / "train-000000.tar", pairs(range(3)))

    with pytest.raises(DataError, match=r"train-000000\.tar:00.*changed since this start.*pack its shard again"):
        batches(TrainLoader(packed, SPEC, CROPS, batch_size=4, seed=3).epoch(0))
