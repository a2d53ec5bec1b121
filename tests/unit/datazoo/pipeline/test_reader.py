"""Squares are those of MindSpore's operators; a picture that is gone when its turn comes is named or made up for."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mindspore.dataset import Dataset, vision
from mindspore.dataset.vision import Inter
from PIL import Image

from common.errors import DataError
from datazoo.pictures import PictureSet
from datazoo.pipeline import loader
from datazoo.pipeline.augment import RandomCrop, Stream, draw_crop, generator
from datazoo.pipeline.loader import TrainLoader, eval_dataset
from datazoo.pipeline.pillow_path import square
from datazoo.pipeline.reader import PictureReader, dataset_of, naming_bad_pictures
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec

SPEC = PreprocessingSpec(resize=10, image_size=8, mean=(0.0,) * 3, std=(1.0,) * 3)
CROPS = AugmentationConfig(random_resized_crop=True)
FLIPS = AugmentationConfig(horizontal_flip=0.5)
PLAIN = AugmentationConfig()
GONE = 4


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PictureSet:
    """Pictures whose every pixel is ten times their label; where they are read from the files in every epoch."""
    monkeypatch.setattr(loader, "MEMORY_LIMIT", 0)
    folder = tmp_path / "the pictures"
    folder.mkdir()
    for number in range(8):
        Image.new("RGB", (12, 12), (10 * number,) * 3).save(folder / f"{number}.png")
    labels = np.arange(8, dtype=np.int32)
    return PictureSet("train", tuple("abcdefgh"), labels, paths=tuple(sorted(folder.iterdir())))


def damage(pictures: PictureSet, how: str) -> Path:
    assert pictures.paths is not None
    path = pictures.paths[GONE]
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:40])
    return path


def rows(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    with naming_bad_pictures():
        batches = list(dataset.create_tuple_iterator(num_epochs=1, output_numpy=True))
    images, labels = (np.concatenate(column) for column in zip(*batches, strict=True))
    return images, labels


def train(pictures: PictureSet, augment: AugmentationConfig, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    return rows(TrainLoader(pictures, SPEC, augment, batch_size=4, seed=1, **options).epoch(2))


@pytest.mark.parametrize("augment", [PLAIN, FLIPS, CROPS], ids=["plain", "flips", "crops"])
@pytest.mark.parametrize("how", ["gone", "cut off"])
def test_a_picture_lost_after_the_check_is_named(pictures: PictureSet, augment: AugmentationConfig, how: str) -> None:
    path = damage(pictures, how)

    with pytest.raises(DataError, match=rf"^{re.escape(str(path))} cannot be read \(.+\); run python -m") as caught:
        train(pictures, augment)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("augment", [PLAIN, FLIPS, CROPS], ids=["plain", "flips", "crops"])
def test_another_picture_takes_its_place(
    pictures: PictureSet, augment: AugmentationConfig, caplog: pytest.LogCaptureFixture
) -> None:
    before = train(pictures, augment)
    path = damage(pictures, "gone")

    with caplog.at_level(logging.WARNING):
        images, labels = train(pictures, augment, on_bad="replace")

    np.testing.assert_array_equal(labels, np.where(before[1] == GONE, GONE + 1, before[1]))
    np.testing.assert_array_equal(np.rint(images[:, 0, 0, 0] * 255), 10 * labels)
    assert [str(path) in message and "takes its place" in message for message in caplog.messages] == [True]


def test_threads_do_not_change_what_takes_its_place(pictures: PictureSet) -> None:
    damage(pictures, "cut off")

    one, two = (train(pictures, CROPS, on_bad="replace", workers=workers) for workers in (1, 2))

    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


@pytest.mark.parametrize("limit", [0, 1 << 29], ids=["streamed", "in memory"])
def test_evaluation_does_not_count_a_lost_picture(
    pictures: PictureSet, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "MEMORY_LIMIT", limit)
    damage(pictures, "gone")

    images, labels = rows(eval_dataset(pictures, SPEC, 4, on_bad="blank"))

    assert labels.tolist() == [0, 1, 2, 3, -1, 5, 6, 7]
    np.testing.assert_array_equal(images[labels < 0], 0)


def test_a_folder_that_is_gone_is_no_lost_picture(tmp_path: Path) -> None:
    paths = tuple(tmp_path / f"{number}.png" for number in range(50))
    gone = PictureSet("train", ("a",), np.zeros(50, np.int32), paths=paths)

    with pytest.raises(DataError, match="20 pictures in a row cannot be read"):
        PictureReader(gone, lambda image, position: np.asarray(image), "replace")(0)


def test_nothing_is_left_in_the_current_folder(
    pictures: PictureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(pictures, "cut off")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DataError):
        train(pictures, PLAIN)

    assert [path.name for path in tmp_path.iterdir()] == ["the pictures"]


def test_other_errors_keep_their_name() -> None:
    def broken(row: int) -> tuple[np.ndarray, ...]:
        raise KeyError("no such thing")

    with pytest.raises(RuntimeError, match="no such thing"):
        rows(dataset_of(broken, 2, ["image", "label"]).batch(1))


def test_a_dataset_is_the_same_when_read_again_or_in_part() -> None:
    dataset = dataset_of(lambda row: (np.asarray(row), np.asarray(-row)), 50, ["image", "label"], threads=3).batch(5)
    next(iter(dataset.create_tuple_iterator(num_epochs=1, output_numpy=True)))

    assert [rows(dataset)[0].tolist() for _ in range(2)] == [list(range(50))] * 2


@pytest.fixture
def photograph() -> np.ndarray:
    small = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((67, 45), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(("resize", "pad"), [(32, 0), (60, 3), (45, 0)])
def test_squares_are_those_of_mindspores_operators(photograph: np.ndarray, resize: int, pad: int) -> None:
    expected = vision.Resize(resize, Inter.PILCUBIC)(photograph)
    expected = vision.CenterCrop(28)(vision.Pad(pad)(expected) if pad else expected)

    ours = square(Image.fromarray(photograph), PreprocessingSpec(resize=resize, image_size=28, pad=pad))

    np.testing.assert_array_equal(ours, expected)


def test_random_crops_are_those_of_mindspores_operators(photograph: np.ndarray) -> None:
    crop = RandomCrop(CROPS, 24, seed=5, epoch=3)

    for position in range(10):
        rng = generator(5, 3, position, Stream.CROP)
        top, left, height, width = draw_crop(photograph.shape[0], photograph.shape[1], CROPS, rng)
        window = np.ascontiguousarray(photograph[top : top + height, left : left + width])
        expected = vision.Resize((24, 24), Inter.PILCUBIC)(window)
        np.testing.assert_array_equal(crop(Image.fromarray(photograph), position), expected)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 30}], ids=str)
def test_jpegs_decode_as_in_mindspore(photograph: np.ndarray, options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.fromarray(photograph).save(path, **options)
    pictures = PictureSet("train", ("a",), np.zeros(1, np.int32), paths=(path,))

    ours, _, _ = PictureReader(pictures, lambda image, position: np.asarray(image))(0)

    np.testing.assert_array_equal(ours, vision.Decode()(np.frombuffer(path.read_bytes(), np.uint8)))
