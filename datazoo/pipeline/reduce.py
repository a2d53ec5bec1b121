"""Pictures reduced while they are decoded, for random crops that need no more pixels."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from common.decode import open_picture, reason_of, to_rgb
from common.errors import DataError
from datazoo.pipeline.pillow_path import resized_size
from datazoo.pipeline.window import Resize, resize_by_pillow


def reduced_size(width: int, height: int, shorter: int | None) -> tuple[int, int]:
    """Return width and height of a picture whose shorter side is at most `shorter` pixels; None leaves it as it is."""
    if shorter is None or min(width, height) <= shorter:
        return width, height
    return resized_size(width, height, shorter)


def decode_reduced(raw: bytes, shorter: int, resize: Resize = resize_by_pillow) -> Image.Image:
    """Return the upright RGB picture that a file's content holds, its shorter side reduced.

    A JPEG is decoded at the smallest of 1, 1/2, 1/4 and 1/8 of its size that is not below what is wanted, which saves
    most of the decoding of large photographs; the rest of the way is the preprocessing's bicubic filter. Pixels differ
    from those of a whole decode: only training may use this.

    Args:
        raw: the file.
        shorter: largest shorter side, pixels; a smaller picture stays as it is.
        resize: goes the rest of the way.

    Raises:
        DataError: why it cannot be decoded.
    """
    try:
        image = open_picture(io.BytesIO(raw))
        wanted = reduced_size(*image.size, shorter)
        if wanted != image.size:
            image.draft(None, wanted)  # None keeps the mode
        rgb = to_rgb(image)
        if (rgb.width < rgb.height) != (wanted[0] < wanted[1]):  # EXIF has turned it
            wanted = wanted[::-1]
        return rgb if rgb.size == wanted else Image.fromarray(resize(rgb, *wanted, "bicubic"))
    except DataError:
        raise
    except Exception as error:
        raise DataError(reason_of(error)) from error


def decoded_bytes(sizes: np.ndarray, shorter: int | None) -> np.ndarray:
    """Return the bytes that decoded pictures take.

    Args:
        sizes: int (N, 2), width and height as stored.
        shorter: largest shorter side after reducing; None reduces none.

    Returns:
        int64 (N,).
    """
    return np.array([3 * w * h for w, h in (reduced_size(int(w), int(h), shorter) for w, h in sizes)], np.int64)
