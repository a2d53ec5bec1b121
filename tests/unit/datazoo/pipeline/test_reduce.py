"""A picture is reduced to the size that was asked for, and looks as it does when it is resized whole."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from common.decode import decode
from common.errors import DataError
from datazoo.pipeline.pillow_path import resized, resized_size
from datazoo.pipeline.reduce import decode_reduced, decoded_bytes, reduced_size

SIDES = st.integers(1, 300)


def content(width: int, height: int, kind: str = "JPEG", orientation: int = 1) -> bytes:
    small = np.random.default_rng(width * 1000 + height).integers(0, 256, (5, 6, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(file, kind, exif=exif)
    return file.getvalue()


@given(SIDES, SIDES, SIDES, st.integers(1, 8), st.sampled_from(["JPEG", "PNG"]))
def test_the_size_is_known_before_decoding(width: int, height: int, shorter: int, orientation: int, kind: str) -> None:
    image = decode_reduced(content(width, height, kind, orientation), shorter)

    assert min(image.size) == min(shorter, width, height)
    assert decoded_bytes(np.array([[width, height]]), shorter)[0] == np.asarray(image).nbytes


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("size", [(640, 480), (1300, 1000), (900, 3000)])
def test_it_looks_like_the_whole_picture_resized(size: tuple[int, int], orientation: int) -> None:
    raw = content(*size, orientation=orientation)
    whole = decode(raw)
    expected = np.asarray(resized(whole, *resized_size(*whole.size, 100)), int)

    difference = np.abs(np.asarray(decode_reduced(raw, 100), int) - expected)

    assert difference.mean() < 2  # of 255
    assert difference.max() < 12


def test_a_picture_that_is_small_enough_stays_as_it_is() -> None:
    raw = content(90, 120)

    np.testing.assert_array_equal(np.asarray(decode_reduced(raw, 90)), np.asarray(decode(raw)))
    assert reduced_size(90, 120, None) == (90, 120)


@pytest.mark.parametrize("damage", [b"", b"<html>404</html>", content(640, 480)[:2000]])
def test_damage_is_told_as_by_a_whole_decode(damage: bytes) -> None:
    with pytest.raises(DataError) as whole:
        decode(damage)
    with pytest.raises(DataError) as reduced:
        decode_reduced(damage, 100)

    assert str(reduced.value).partition("(")[0] == str(whole.value).partition("(")[0]
