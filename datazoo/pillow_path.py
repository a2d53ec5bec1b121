"""The evaluation path without MindSpore: Pillow and numpy, bit for bit what the C++ operators give."""

from __future__ import annotations

import numpy as np
from PIL import Image

from datazoo.decode import to_rgb
from datazoo.spec import PreprocessingSpec

# OpenCV's fixed-point weights of R, G, B in gray (15 bits).
_GRAY_WEIGHTS = np.array([9798, 19235, 3735], np.uint32)


def preprocess(image: Image.Image, spec: PreprocessingSpec) -> np.ndarray:
    """Turn a picture into the network's input.

    Args:
        image: opened with Pillow, any mode.
        spec: the preprocessing.

    Returns:
        float32 (C, image_size, image_size).
    """
    return to_tensor(_crop_centre(_resize(to_rgb(image), spec), spec), spec)


def _resize(image: Image.Image, spec: PreprocessingSpec) -> np.ndarray:
    if spec.resize is not None:
        width, height = image.size
        if width < height:
            size = spec.resize, int(spec.resize * height / width)
        else:
            size = int(spec.resize * width / height), spec.resize
        image = image.resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return np.pad(pixels, ((spec.pad, spec.pad), (spec.pad, spec.pad), (0, 0)))


def _crop_centre(pixels: np.ndarray, spec: PreprocessingSpec) -> np.ndarray:
    side = spec.image_size
    height, width = pixels.shape[:2]
    missing = [max(side - length, 0) for length in (height, width)]
    # A picture smaller than the crop gets a black border, the larger half of an odd one first.
    pixels = np.pad(pixels, (*((m - m // 2, m // 2) for m in missing), (0, 0)))
    top, left = (max(length - side, 0) // 2 for length in (height, width))
    return pixels[top : top + side, left : left + side]


def to_tensor(pixels: np.ndarray, spec: PreprocessingSpec) -> np.ndarray:
    """Turn uint8 (..., H, W, 3) RGB squares into float32 (..., C, H, W) input."""
    if spec.color == "gray":
        pixels = ((pixels.astype(np.uint32) @ _GRAY_WEIGHTS + (1 << 14)) >> 15).astype(np.uint8)[..., None]
    scaled = pixels.astype(np.float32) * np.float32(1 / 255)
    normalised = (scaled - np.asarray(spec.mean, np.float32)) / np.asarray(spec.std, np.float32)
    return np.ascontiguousarray(np.moveaxis(normalised, -1, -3))
