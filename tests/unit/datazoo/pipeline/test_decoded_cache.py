"""Decoded pictures that are kept change no pixel, whatever happens to the file they are kept in."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datazoo.pictures import PictureSet
from datazoo.pipeline import decoded_cache, loader
from datazoo.pipeline.decoded_cache import DecodedCache, DecodedCacheChoice, open_decoded
from datazoo.pipeline.loader import TrainLoader, eval_dataset
from datazoo.pipeline.order import Shard
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec

SPEC = PreprocessingSpec(resize=20, image_size=16)
CROPS = AugmentationConfig(random_resized_crop=True, horizontal_flip=0.5, color_jitter=0.4)
REDUCED = CROPS.model_copy(update={"reduce_to": 24})
FLIPS = AugmentationConfig(horizontal_flip=0.5)
NONE = AugmentationConfig()
EACH = pytest.mark.parametrize("augment", [CROPS, REDUCED, FLIPS, NONE], ids=["crops", "reduced", "flips", "none"])


@pytest.fixture
def files(tmp_path: Path) -> PictureSet:
    folder, rng = tmp_path / "pictures", np.random.default_rng(0)
    folder.mkdir()
    sizes = [(40 + index, 33) if index % 2 else (31, 50 + index) for index in range(10)]
    for index, size in enumerate(sizes):
        small = rng.integers(0, 256, (5, 6, 3), np.uint8)
        Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(folder / f"{index}.jpg")
    labels = np.arange(10, dtype=np.int32) % 2
    return PictureSet("train", ("a", "b"), labels, paths=tuple(sorted(folder.iterdir())), sizes=np.array(sizes))


@pytest.fixture(autouse=True)
def _nothing_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MEMORY_LIMIT", 0)


def kept_in(folder: Path, mode: Any = "on", limit: int = 10**9) -> DecodedCacheChoice:
    return DecodedCacheChoice(mode, folder / "decoded", limit)


def make(files: PictureSet, augment: AugmentationConfig, **options: Any) -> TrainLoader:
    return TrainLoader(files, SPEC, augment, **{"batch_size": 4, "seed": 7, **options})


def pixels(dataset: Any) -> np.ndarray:
    return np.concatenate([image for image, _ in dataset.create_tuple_iterator(num_epochs=1, output_numpy=True)])


def no_decoding(files: PictureSet) -> None:
    for path in files.paths or ():
        path.write_bytes(b"")


@EACH
def test_no_pixel_changes(files: PictureSet, tmp_path: Path, augment: AugmentationConfig) -> None:
    plain, kept = make(files, augment), make(files, augment, decoded=kept_in(tmp_path))

    for epoch in range(2):
        np.testing.assert_array_equal(pixels(kept.epoch(epoch)), pixels(plain.epoch(epoch)))


@EACH
def test_later_epochs_and_runs_decode_nothing(files: PictureSet, tmp_path: Path, augment: AugmentationConfig) -> None:
    loaders = [make(files, augment, decoded=kept_in(tmp_path)) for _ in range(2)]
    files.content_hashes()  # as the check has left them
    expected = [pixels(loaders[0].epoch(epoch)) for epoch in range(2)]
    no_decoding(files)

    np.testing.assert_array_equal(pixels(loaders[0].epoch(1)), expected[1])
    np.testing.assert_array_equal(pixels(loaders[1].epoch(0)), expected[0])


def test_resuming_inside_an_epoch_sees_the_same(files: PictureSet, tmp_path: Path) -> None:
    whole = pixels(make(files, REDUCED, decoded=kept_in(tmp_path)).epoch(2))

    assert np.array_equal(pixels(make(files, REDUCED, decoded=kept_in(tmp_path)).epoch(2, skip_steps=1)), whole[4:])


def test_ranks_share_what_they_keep(files: PictureSet, tmp_path: Path) -> None:
    ranks = [make(files, CROPS, batch_size=2, shard=Shard(r, 2), decoded=kept_in(tmp_path)) for r in (0, 1)]
    for rank in ranks:
        pixels(rank.epoch(0))
    plain = pixels(make(files, CROPS, batch_size=2, shard=Shard(1, 2)).epoch(1))
    no_decoding(files)

    np.testing.assert_array_equal(pixels(ranks[1].epoch(1)), plain)


def test_an_evaluation_that_does_not_fit_in_memory_is_kept(files: PictureSet, tmp_path: Path) -> None:
    plain = pixels(eval_dataset(files, SPEC, 4))
    dataset = eval_dataset(files, SPEC, 4, decoded=kept_in(tmp_path))
    first = pixels(dataset)
    no_decoding(files)

    np.testing.assert_array_equal(first, plain)
    np.testing.assert_array_equal(pixels(dataset), plain)


def test_another_picture_of_the_same_name_is_decoded(files: PictureSet, tmp_path: Path) -> None:
    pixels(make(files, CROPS, decoded=kept_in(tmp_path)).epoch(0))
    assert files.paths is not None
    Image.new("RGB", (31, 50), "red").save(files.paths[0])
    now = PictureSet("train", files.classes, files.labels, paths=files.paths, sizes=files.sizes)

    plain = pixels(make(now, CROPS).epoch(0))

    np.testing.assert_array_equal(pixels(make(now, CROPS, decoded=kept_in(tmp_path)).epoch(0)), plain)


def open_cache(folder: Path, lengths: list[int], kept: int | None = None, key: str = "k" * 64) -> DecodedCache:
    return DecodedCache(folder / "x.bin", key, np.array(lengths), len(lengths) if kept is None else kept)


def picture(value: int, height: int = 2, width: int = 3) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def refuse() -> np.ndarray:
    raise AssertionError("decoded again")


def test_a_picture_is_made_once(tmp_path: Path) -> None:
    cache = open_cache(tmp_path, [18, 18])
    cache.get(1, lambda: picture(5))

    np.testing.assert_array_equal(cache.get(1, refuse), picture(5))
    np.testing.assert_array_equal(open_cache(tmp_path, [18, 18]).get(1, refuse), picture(5))
    assert (cache.filled, cache.get(0, lambda: picture(6))[0, 0, 0]) == (1, 6)


def test_pixels_that_a_crash_has_lost_are_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    open_cache(tmp_path, [18]).get(0, lambda: picture(5))
    with (tmp_path / "x.bin").open("r+b") as file:
        file.seek(-18, os.SEEK_END)
        file.write(bytes(18))

    cache = open_cache(tmp_path, [18])

    np.testing.assert_array_equal(cache.get(0, lambda: picture(7)), picture(7))
    np.testing.assert_array_equal(cache.get(0, refuse), picture(7))
    assert "damaged; the pictures concerned are decoded again" in caplog.text


@pytest.mark.parametrize("content", [b"x", b"j" * 64 + bytes(8192 + 18 - 64)], ids=["truncated", "another's"])
def test_a_file_of_another_key_or_length_is_made_anew(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "x.bin").write_bytes(content)

    cache = open_cache(tmp_path, [18])

    np.testing.assert_array_equal(cache.get(0, lambda: picture(7)), picture(7))
    assert "damaged; made anew" in caplog.text


def test_a_full_disk_costs_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = open_cache(tmp_path, [18, 18])

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(decoded_cache.os, "pwrite", full)  # type: ignore[attr-defined]
    for index in (0, 1, 0):
        np.testing.assert_array_equal(cache.get(index, lambda: picture(3)), picture(3))

    assert caplog.text.count("No space left on device; no more decoded pictures are kept") == 1


def test_what_has_another_size_than_expected_is_not_kept(tmp_path: Path) -> None:
    cache = open_cache(tmp_path, [18])
    cache.get(0, lambda: picture(1, 4, 4))

    assert cache.filled == 0


@pytest.mark.parametrize(("mode", "kept"), [("auto", 0), ("on", 2)])
def test_what_does_not_fit_is_said(
    files: PictureSet, tmp_path: Path, mode: str, kept: int, caplog: pytest.LogCaptureFixture
) -> None:
    lengths = np.full(10, 3000)
    with caplog.at_level(logging.INFO, "datazoo"):
        cache = open_decoded(files, "x", lengths, kept_in(tmp_path, mode, limit=6001))

    assert (0 if cache is None else cache._kept) == kept
    assert ("decoded train pictures: 2 of 10 are kept in" if kept else "are not kept: 0.00 GB") in caplog.text


def test_unknown_sizes_are_said(files: PictureSet, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "datazoo"):
        assert open_decoded(files, "x", None, kept_in(tmp_path)) is None

    assert "data.check off leaves their sizes unknown" in caplog.text


def test_a_folder_that_cannot_be_written_costs_one_line(
    files: PictureSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "decoded").write_bytes(b"")

    assert open_decoded(files, "x", np.full(10, 3), kept_in(tmp_path)) is None
    assert len(caplog.records) == 1
