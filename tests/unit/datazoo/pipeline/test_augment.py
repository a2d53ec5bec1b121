"""Random changes stay within their bounds and do what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datazoo.pipeline.augment import RandomChange, Stream, draw_crop, erase, generator, randaugment, shift
from datazoo.pipeline.mix import BatchMix
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec

SPEC = PreprocessingSpec(resize=20, image_size=16)
PICTURE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
AUGMENT = AugmentationConfig(random_resized_crop=True)


@given(height=st.integers(1, 500), width=st.integers(1, 500), seed=st.integers(0, 1000))
def test_crops_lie_inside_the_picture(height: int, width: int, seed: int) -> None:
    top, left, h, w = draw_crop(height, width, AUGMENT, generator(seed, 0, 0, Stream.CROP))

    assert 0 <= top <= top + h <= height
    assert 0 <= left <= left + w <= width
    assert min(h, w) >= 1


def test_crops_keep_the_share_and_ratio_asked_for() -> None:
    crops = np.array([draw_crop(300, 300, AUGMENT, generator(seed, 0, 0, Stream.CROP))[2:] for seed in range(2000)])

    shares, ratios = crops.prod(axis=1) / 300**2, crops[:, 1] / crops[:, 0]

    assert shares.min() >= 0.34
    assert ratios.min() >= 0.74
    assert ratios.max() <= 1.35
    assert np.log(ratios).mean() == pytest.approx(0, abs=0.02)


@given(down=st.integers(-4, 4), right=st.integers(-4, 4))
def test_shift_moves_and_fills_with_black(down: int, right: int) -> None:
    padded = np.pad(PICTURE, ((4, 4), (4, 4), (0, 0)))

    expected = padded[4 - down : 20 - down, 4 - right : 20 - right]

    np.testing.assert_array_equal(shift(PICTURE, down, right), expected)


def test_flip_happens_as_often_as_asked() -> None:
    change = RandomChange(AugmentationConfig(horizontal_flip=0.3), SPEC, seed=0, epoch=0)

    flipped = [np.array_equal(change(PICTURE, np.asarray(i))[0], PICTURE[:, ::-1]) for i in range(1000)]

    assert np.mean(flipped) == pytest.approx(0.3, abs=0.05)


def test_erasing_fills_a_rectangle_with_the_mean_colour() -> None:
    change = RandomChange(AugmentationConfig(random_erasing=1.0), SPEC, seed=0, epoch=0)

    changed = [change(PICTURE, np.asarray(i))[0] for i in range(50)]

    for picture in changed:
        rows, columns = np.nonzero((picture != PICTURE).any(axis=2))
        assert len(rows) > 0
        box = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        np.testing.assert_array_equal(np.unique(box.reshape(-1, 3), axis=0), [[124, 116, 104]])


def test_erased_share_is_within_the_published_bounds() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)

    shares = [
        erase(picture, np.ones(3, np.uint8), generator(seed, 0, 0, Stream.CROP))[..., 0].mean() for seed in range(500)
    ]

    assert 0.015 < min(shares) < max(shares) < 0.35


@pytest.mark.parametrize("magnitude", [0, 9, 30])
def test_randaugment_keeps_shape_and_type(magnitude: int) -> None:
    results = [randaugment(PICTURE, magnitude, generator(seed, 0, 0, Stream.CROP)) for seed in range(100)]

    assert {(result.shape, result.dtype.name) for result in results} == {((16, 16, 3), "uint8")}
    assert len({result.tobytes() for result in results}) > 3


def test_mixup_blends_pictures_and_labels_alike() -> None:
    images = np.eye(8, dtype=np.float32)[:, :, None, None]  # picture i is one-hot i, like its label
    mix = BatchMix(AugmentationConfig(mixup=1.0), 8, seed=0, epoch=0)

    mixed, targets, _ = mix(images, np.arange(8, dtype=np.int32), np.arange(8))

    np.testing.assert_allclose(mixed[:, :, 0, 0], targets, atol=1e-6)
    assert ((targets > 0) & (targets < 1)).any()


def test_cutmix_labels_are_the_shares_of_the_area() -> None:
    images = np.ones((8, 8, 20, 20), np.float32) * np.eye(8, dtype=np.float32)[:, :, None, None]
    augment = AugmentationConfig(cutmix=1.0)

    for epoch in range(20):
        mixed, targets, _ = BatchMix(augment, 8, 0, epoch)(images, np.arange(8, dtype=np.int32), np.arange(8))

        np.testing.assert_allclose(mixed.mean(axis=(2, 3)), targets, atol=1e-6)
        assert set(np.unique(mixed)) <= {0.0, 1.0}
