"""Pictures of more than 8 bits a channel become what they show, or are refused: never black by accident."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from common.decode import decode
from common.errors import DataError

RAMP = np.linspace(0, 1, 96).reshape(8, 12)


def encoded(pixels: np.ndarray, file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, file_format, **options)
    return stream.getvalue()


def red(content: bytes) -> np.ndarray:
    return np.asarray(decode(content))[..., 0]


def packed_tiff(pixels: np.ndarray) -> bytes:
    """An uncompressed gray TIFF with 12 bits a sample, two samples in three bytes."""
    pairs = pixels.reshape(-1, 2).astype(int)
    data = b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs)
    height, width = pixels.shape
    entries = [(256, width), (257, height), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, height)]
    entries.append((279, len(data)))
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, 4, 1, v) for tag, v in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + bytes(4)


def png48(pixels: np.ndarray) -> bytes:
    """An RGB PNG with 16 bits a channel, which Pillow reads but does not write."""
    height, width = pixels.shape
    rows = np.repeat(pixels.astype(">u2")[..., None], 3, axis=-1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def scaled(largest: int, kind: type = np.uint16) -> np.ndarray:
    return np.rint(RAMP * largest).astype(kind)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_high_byte(file_format: str) -> None:
    np.testing.assert_array_equal(red(encoded(scaled(65535), file_format)), scaled(65535) // 256)


def test_sixteen_bits_in_colour_keep_their_high_byte() -> None:
    np.testing.assert_array_equal(red(png48(scaled(65535))), scaled(65535) // 256)


def test_a_tiff_that_says_twelve_bits_is_scaled_by_twelve() -> None:
    np.testing.assert_array_equal(red(packed_tiff(scaled(4095))), scaled(4095) // 16)


def test_a_tiff_that_names_its_largest_value_is_scaled_by_it() -> None:
    content = encoded(scaled(4095), "TIFF", tiffinfo={281: 4095})

    np.testing.assert_array_equal(red(content), scaled(4095) // 16)


def test_32_bit_integers_within_sixteen_bits_count_as_such() -> None:
    np.testing.assert_array_equal(red(encoded(scaled(65535, np.int32), "TIFF")), scaled(65535) // 256)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(encoded(scaled(4095), "PNG"), "would be black", id="12 bits in a 16-bit png"),
        pytest.param(encoded(scaled(4095), "TIFF"), "would be black", id="12 bits in a 16-bit tiff"),
        pytest.param(encoded(scaled(255), "PNG"), "would be black", id="8 bits in a 16-bit png"),
        pytest.param(png48(scaled(4095)), "would be black", id="12 bits in a 48-bit png"),
        pytest.param(encoded(scaled(255, np.int32), "TIFF"), "would be black", id="8 bits in a 32-bit tiff"),
        pytest.param(encoded(scaled(2**31 - 1, np.int32), "TIFF"), "not within 16 bits", id="31 bits in a 32-bit tiff"),
        pytest.param(encoded(scaled(100, np.int32) - 50, "TIFF"), "not within 16 bits", id="negative values"),
        pytest.param(encoded(RAMP.astype(np.float32), "TIFF"), "no agreed range", id="floating point"),
    ],
)
def test_a_range_that_nobody_knows_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        decode(content)


def test_black_pictures_of_eight_bits_stay_black() -> None:
    assert red(encoded(np.zeros((4, 4), np.uint8), "PNG")).max() == 0
