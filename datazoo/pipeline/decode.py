"""How the bytes of a picture file become RGB: one rule for the C++ pipeline, Pillow, the doctor and the clients.

The rule is Pillow's `convert("RGB")` on the picture as a viewer shows it: the EXIF orientation is applied, transparency
is dropped, palettes and gray are expanded, 16-bit gray keeps its high byte. MindSpore's `Decode` gives the same values
bit for bit on ordinary JPEG, PNG and BMP files; it cannot read the others (gif, webp, ...) and ignores EXIF, so those
are decoded by Pillow and handed to it as an uncompressed BMP.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

from common.errors import DataError

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
MAX_PIXELS = 100_000_000  # a decompression bomb is refused, not decoded
_DECODER_FORMATS = frozenset({"JPEG", "MPO", "PNG", "BMP"})
_ORIENTATION_TAG = 0x0112


def _orientation(image: Image.Image) -> int:
    # Pillow would decode a whole PNG to look for EXIF data behind the pixels.
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    return int(image.getexif().get(_ORIENTATION_TAG, 1))


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith(("I", "F"))


def open_picture(source: object) -> Image.Image:
    """Open a picture's header without decoding it.

    Args:
        source: path or binary file object.

    Raises:
        DataError: more than `MAX_PIXELS` pixels.
        OSError: not a picture.
    """
    try:
        image = Image.open(source)  # type: ignore[arg-type]
    except Image.DecompressionBombError as error:
        raise DataError(str(error)) from error
    if image.width * image.height > MAX_PIXELS:
        raise DataError(f"{image.width}x{image.height} pixels is above the limit of {MAX_PIXELS:,}")
    return image


def to_rgb(image: Image.Image) -> Image.Image:
    """Apply the rule of this file to an opened picture.

    Args:
        image: any Pillow picture.

    Returns:
        The upright picture in mode RGB, 8 bits a channel.

    Raises:
        DataError: floating-point pixels, which have no agreed range.
    """
    if _orientation(image) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise DataError("floating-point pixels (mode F) have no agreed range; save the picture with 8 bits")
    if _is_deep(image):
        image = Image.fromarray((np.clip(np.asarray(image), 0, 65535) >> 8).astype(np.uint8))
    return image.convert("RGB")


def bytes_for_decoder(raw: bytes) -> np.ndarray:
    """Return bytes that MindSpore's `Decode` turns into what `to_rgb` gives.

    Args:
        raw: a picture file's content.

    Returns:
        uint8 (bytes,): `raw` itself, or a BMP made by Pillow.
    """
    image = open_picture(io.BytesIO(raw))
    if image.format not in _DECODER_FORMATS or _is_deep(image) or _orientation(image) != 1:
        bitmap = io.BytesIO()
        to_rgb(image).save(bitmap, "BMP")
        raw = bitmap.getvalue()
    return np.frombuffer(raw, np.uint8)
