"""Windows of pictures, resized: by Pillow, or by what gives the same in less time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from datazoo.pipeline.pillow_path import resized

Picture = Image.Image | np.ndarray
"""An RGB picture: Pillow's, or uint8 (H, W, 3), which may be a part of a larger array."""

Resize = Callable[[Picture, int, int, str], np.ndarray]
"""Makes uint8 (height, width, 3) of a picture, a width, a height and an interpolation, as `resize_by_pillow` does."""


def size_of(picture: Picture) -> tuple[int, int]:
    """Return width and height, pixels."""
    return picture.size if isinstance(picture, Image.Image) else (picture.shape[1], picture.shape[0])


def image_of(picture: Picture) -> Image.Image:
    """Return a picture as Pillow's."""
    return picture if isinstance(picture, Image.Image) else Image.fromarray(np.ascontiguousarray(picture))


def window_of(picture: Picture, left: int, top: int, width: int, height: int) -> Picture:
    """Return a part of a picture; an array's is not copied."""
    if isinstance(picture, Image.Image):
        return picture.crop((left, top, left + width, top + height))
    return picture[top : top + height, left : left + width]


def resize_by_pillow(picture: Picture, width: int, height: int, interpolation: str) -> np.ndarray:
    """Resize a picture with one of Pillow's filters."""
    return np.asarray(resized(image_of(picture), width, height, interpolation))
