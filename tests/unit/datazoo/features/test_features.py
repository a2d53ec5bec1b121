"""A feature cache is right, or it is built anew."""

from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing.managers import SyncManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import DataError
from datazoo.features.cache import CachedFeatures, Extractor, Views, _changes, cached_features, feature_key
from datazoo.pictures import PictureSet
from datazoo.pipeline.loader import evaluation_inputs
from datazoo.pipeline.order import WHOLE, Shard
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec

SPEC = PreprocessingSpec(resize=12, image_size=8)
AUGMENT = AugmentationConfig(random_resized_crop=True, horizontal_flip=0.5)

Call = dict[str, Any]


def pool(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=3).reshape(len(images), -1)


def never(images: np.ndarray) -> np.ndarray:
    raise AssertionError("the features were computed although they are cached")


def no_barrier() -> None:
    """There is one process only."""


@pytest.fixture
def pictures() -> PictureSet:
    arrays = np.random.default_rng(0).integers(0, 256, (11, 12, 14, 3), np.uint8)
    return PictureSet("train", ("a", "b"), np.arange(11, dtype=np.int32) % 2, arrays=arrays)


@pytest.fixture
def call(pictures: PictureSet, tmp_path: Path) -> Call:
    return {
        "pictures": pictures,
        "spec": SPEC,
        "augment": AUGMENT,
        "views": 1,
        "extract": pool,
        "extractor_id": "weights",
        "cache_dir": tmp_path / "cache",
        "batch_size": 4,
        "seed": 0,
        "shard": WHOLE,
        "barrier": no_barrier,
    }


def open_features(call: Call) -> CachedFeatures:
    return cached_features(
        call["pictures"],
        Views(call["spec"], call["augment"], call["views"], call["seed"]),
        Extractor(call["extract"], call["extractor_id"], call["batch_size"]),
        call["cache_dir"],
        shard=call["shard"],
        barrier=call["barrier"],
    )


@pytest.fixture
def features_of(call: Call) -> Callable[..., CachedFeatures]:
    return lambda **changes: open_features(call | changes)


def test_first_view_is_the_evaluation_view(features_of: Callable, pictures: PictureSet) -> None:
    features = features_of(views=3)

    assert features.values.shape == (3, 11, 24)
    np.testing.assert_array_equal(features.values[0], pool(evaluation_inputs(pictures, SPEC)))
    assert not np.array_equal(features.values[1], features.values[2])


def test_other_users_may_read_a_cache(features_of: Callable, call: Call) -> None:
    features_of()

    assert {path.stat().st_mode & 0o444 for path in call["cache_dir"].iterdir()} == {0o444}


def test_extractor_sees_one_shape_only(features_of: Callable) -> None:
    shapes = set()

    def watch(images: np.ndarray) -> np.ndarray:
        shapes.add(images.shape)
        return pool(images)

    features_of(extract=watch)

    assert shapes == {(4, 3, 8, 8)}


def test_second_time_comes_from_the_cache(features_of: Callable) -> None:
    first = features_of(views=2)

    second = features_of(extract=never, views=2)

    assert (first.from_cache, second.from_cache) == (False, True)
    assert isinstance(second.values, np.memmap)
    np.testing.assert_array_equal(first.values, second.values)


@pytest.mark.parametrize(
    "change",
    [
        {"extractor_id": "other weights"},
        {"spec": PreprocessingSpec(resize=13, image_size=8)},
        {"augment": AugmentationConfig(horizontal_flip=0.1)},
        {"views": 3},
        {"seed": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_the_features_depend_on_makes_a_new_cache(features_of: Callable, change: dict) -> None:
    features_of(views=2)

    assert not features_of(**({"views": 2} | change)).from_cache


def test_changed_pixel_makes_a_new_cache(features_of: Callable, pictures: PictureSet) -> None:
    features_of()
    assert pictures.arrays is not None
    arrays = pictures.arrays.copy()
    arrays[5, 0, 0, 0] ^= 1

    assert not features_of(pictures=replace(pictures, arrays=arrays)).from_cache


def test_evaluation_view_is_shared_by_augmentations_and_seeds(features_of: Callable) -> None:
    features_of()

    assert features_of(extract=never, augment=AugmentationConfig(), seed=9).from_cache


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def claim_another_key(path: Path) -> None:
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"key": "other"}))


def lose_the_sidecar(path: Path) -> None:
    path.with_suffix(".json").unlink()


def break_the_sidecar(path: Path) -> None:
    path.with_suffix(".json").write_text("{")


def pickle_instead(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (truncate, "truncated or damaged"),
        (flip_a_byte, "truncated or damaged"),
        (pickle_instead, "truncated or damaged"),
        (claim_another_key, "belongs to other weights"),
        (lose_the_sidecar, "cannot be trusted"),
        (break_the_sidecar, "cannot be trusted"),
    ],
)
def test_harmed_cache_is_built_anew_with_a_line(
    features_of: Callable, harm: Callable, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = features_of()
    expected = np.array(before.values)
    harm(before.path)

    with caplog.at_level(logging.INFO):
        after = features_of()

    assert not after.from_cache
    np.testing.assert_array_equal(after.values, expected)
    assert message in caplog.text


def test_interrupted_build_leaves_nothing_that_looks_finished(features_of: Callable, tmp_path: Path) -> None:
    calls = []

    def fail_on_the_second(images: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return pool(images)

    with pytest.raises(KeyboardInterrupt):
        features_of(extract=fail_on_the_second)

    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """As ranks are: MindSpore's data pipelines of several threads of one process can wait for one another for ever."""
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def manager() -> Iterator[SyncManager]:
    with multiprocessing.get_context("spawn").Manager() as manager:
        yield manager


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_compute_parts_of_the_same_cache(
    features_of: Callable, call: Call, processes: ProcessPoolExecutor, manager: SyncManager, tmp_path: Path, size: int
) -> None:
    barrier = manager.Barrier(size, timeout=60)

    ranks = [
        processes.submit(open_features, call | {"views": 2, "shard": Shard(rank, size), "barrier": barrier.wait})
        for rank in range(size)
    ]

    alone = features_of(views=2, cache_dir=tmp_path / "alone")
    for rank in ranks:
        np.testing.assert_array_equal(rank.result().values, alone.values)
    assert not list((tmp_path / "cache").glob("*part*"))


def test_two_runs_at_once_do_not_harm_one_another(
    features_of: Callable, call: Call, processes: ProcessPoolExecutor, tmp_path: Path
) -> None:
    first, second = [run.result() for run in [processes.submit(open_features, call) for _ in range(2)]]

    np.testing.assert_array_equal(first.values, second.values)
    assert features_of(extract=never).from_cache
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1


def test_features_that_are_not_finite_are_refused(features_of: Callable) -> None:
    with pytest.raises(DataError, match="not finite"):
        features_of(extract=lambda images: pool(images) * np.nan)


def test_cache_folder_that_cannot_be_made_is_named(features_of: Callable, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DataError, match=r"file/cache cannot be written.*cache_dir"):
        features_of(cache_dir=tmp_path / "file/cache")


def test_full_disk_is_an_error_and_leaves_no_cache(
    features_of: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)

    with pytest.raises(DataError, match="No space left"):
        features_of()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_features_are_written_as_they_are_made(
    features_of: Callable[..., CachedFeatures], pictures: PictureSet
) -> None:
    many = pictures.subset(np.arange(64) % len(pictures))
    megabyte = 1 << 20

    def wide(images: np.ndarray) -> np.ndarray:
        return np.repeat(images[:, 0, 0, :1], megabyte // 4, axis=1)

    tracemalloc.start()
    try:
        features = features_of(pictures=many, extract=wide)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert features.values.nbytes == 64 * megabyte
    assert peak < 20 * megabyte


def test_nothing_is_left_of_features_that_were_not_made_to_the_end(
    features_of: Callable[..., CachedFeatures], tmp_path: Path
) -> None:
    calls = iter((True, False))

    def fails_later(images: np.ndarray) -> np.ndarray:
        if next(calls):
            return pool(images)
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        features_of(extract=fails_later)

    assert [file.name for file in (tmp_path / "cache").iterdir()] == [".lock"]


def test_an_extractor_that_finds_no_room_is_not_taken_for_the_cache(features_of: Callable[..., CachedFeatures]) -> None:
    def no_folder(images: np.ndarray) -> np.ndarray:
        raise FileNotFoundError(2, "no folder for temporary files", "/tmp")

    with pytest.raises(DataError, match=r"features cannot be computed: .*no folder for temporary files"):
        features_of(extract=no_folder)


def test_a_key_that_came_later_and_is_not_used_leaves_caches_valid() -> None:
    pictures = PictureSet("train", ("a",), np.zeros(1, np.int32), arrays=np.zeros((1, 2, 2, 3), np.uint8))
    before = {name: value for name, value in AUGMENT.model_dump(mode="json").items() if name != "reduce_to"}

    assert _changes(AUGMENT) == before
    plain, reduced = (
        feature_key(pictures, Views(SPEC, augment, 2), "x")
        for augment in (AUGMENT, AUGMENT.model_copy(update={"reduce_to": 10}))
    )
    assert plain != reduced
