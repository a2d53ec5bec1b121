"""The kernel that resizes pictures, against Pillow."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datazoo.pictures import PictureSet
from datazoo.pipeline.loader import TrainLoader
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
from datazoo.pipeline.window import Resize, resize_by_pillow, window_of
from kernels.resize import KernelResize

LENGTHS = st.integers(1, 90)


@pytest.fixture(scope="module")
def resize(compiled: Path) -> KernelResize:
    return KernelResize(compiled)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@given(
    size=st.tuples(LENGTHS, LENGTHS), target=st.tuples(LENGTHS, LENGTHS), name=st.sampled_from(["bicubic", "bilinear"])
)
def test_any_size_becomes_any_other_as_by_pillow(
    resize: KernelResize, size: tuple[int, int], target: tuple[int, int], name: str
) -> None:
    picture = noise(*size)

    np.testing.assert_array_equal(resize(picture, *target, name), resize_by_pillow(picture, *target, name))


@pytest.mark.parametrize("size", [(480, 640), (375, 333), (3000, 97)])
@pytest.mark.parametrize("values", [(0, 256), (0, 2), (250, 256)], ids=["any", "dark", "bright"])
def test_photographs_become_squares_as_by_pillow(
    resize: KernelResize, size: tuple[int, int], values: tuple[int, int]
) -> None:
    picture = np.random.default_rng(1).integers(*values, (*size, 3), np.uint8)

    expected = resize_by_pillow(picture, 224, 224, "bicubic")

    np.testing.assert_array_equal(resize(picture, 224, 224, "bicubic"), expected)
    np.testing.assert_array_equal(resize(Image.fromarray(picture), 224, 224, "bicubic"), expected)


def test_a_window_of_an_array_is_read_where_it_lies(resize: KernelResize) -> None:
    picture = noise(70, 80)
    window = window_of(picture, left=13, top=7, width=41, height=52)
    assert isinstance(window, np.ndarray)

    assert np.shares_memory(window, picture)
    np.testing.assert_array_equal(
        resize(window, 32, 32, "bicubic"), resize_by_pillow(np.array(window), 32, 32, "bicubic")
    )


def test_threads_do_not_disturb_each_other(resize: KernelResize) -> None:
    pictures = [noise(60 + seed, 90 - seed, seed) for seed in range(24)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda picture: resize(picture, 48, 48, "bicubic"), pictures))

    for picture, one in zip(pictures, found, strict=True):
        np.testing.assert_array_equal(one, resize_by_pillow(picture, 48, 48, "bicubic"))


def test_training_sees_the_same_pixels_by_either(resize: KernelResize, tmp_path: Path) -> None:
    for index, (height, width) in enumerate([(90, 70), (64, 120), (40, 41)]):
        Image.fromarray(noise(height, width, index)).save(tmp_path / f"{index}.png")
    pictures = PictureSet("train", ("a",), np.zeros(3, np.int32), paths=sorted(tmp_path.iterdir()))
    augment = AugmentationConfig(random_resized_crop=True, horizontal_flip=0.5, color_jitter=0.4, reduce_to=60)

    def pixels(by: Resize) -> np.ndarray:
        spec = PreprocessingSpec(resize=40, image_size=32)
        loader = TrainLoader(pictures, spec, augment, batch_size=3, seed=0, workers=2, resize=by)
        return np.stack([next(loader.epoch(epoch).create_tuple_iterator(output_numpy=True))[0] for epoch in range(2)])

    np.testing.assert_array_equal(pixels(resize), pixels(resize_by_pillow))
