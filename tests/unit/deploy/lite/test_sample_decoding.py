"""The Python sample shows the network what the kit does, or refuses what the kit refuses."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from common.decode import decode
from common.errors import DataError
from deploy.lite.samples.classify import to_rgb

RAMP = np.linspace(0, 1, 96).reshape(8, 12)


def encoded(pixels: np.ndarray, file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, file_format, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(encoded((RAMP * 255).astype(np.uint8), "JPEG"), id="gray jpeg"),
        pytest.param(encoded((RAMP * 65535).astype(np.uint16), "PNG"), id="16-bit png"),
        pytest.param(encoded((RAMP * 65535).astype(np.int32), "TIFF"), id="32-bit tiff within 16 bits"),
        pytest.param(encoded((RAMP * 4095).astype(np.uint16), "TIFF", tiffinfo={281: 4095}), id="12-bit tiff"),
    ],
)
def test_deep_pictures_are_those_of_the_kit(content: bytes) -> None:
    np.testing.assert_array_equal(np.asarray(to_rgb(Image.open(io.BytesIO(content)))), np.asarray(decode(content)))


def test_png_is_turned_where_the_kit_turns_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    note = PngInfo()  # how ImageMagick wrote EXIF data before there was a chunk for it; the kit does not read it
    note.add_text("Raw profile type exif", f"\nexif\n{len(exif.tobytes()):8}\n{exif.tobytes().hex()}\n")
    pixels = (RAMP * 255).astype(np.uint8)

    for content in (encoded(pixels, "PNG", exif=exif), encoded(pixels, "PNG", pnginfo=note)):
        assert to_rgb(Image.open(io.BytesIO(content))).size == decode(content).size


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(encoded((RAMP * 4095).astype(np.uint16), "PNG"), id="12 bits in 16"),
        pytest.param(encoded((RAMP * 2e9).astype(np.int32), "TIFF"), id="32 bits"),
        pytest.param(encoded(RAMP.astype(np.float32), "TIFF"), id="floating point"),
    ],
)
def test_what_the_kit_refuses_is_refused(content: bytes) -> None:
    with pytest.raises(DataError) as kit:
        decode(content)
    with pytest.raises(ValueError, match="save the picture with 8 bits") as sample:
        to_rgb(Image.open(io.BytesIO(content)))

    assert not isinstance(sample.value, DataError)
    assert "8 bits" in str(kit.value)
