"""From picture to network input without MindSpore: Pillow and numpy, bit for bit what its C++ operators give."""

from __future__ import annotations

import numpy as np
from PIL import Image

from common.decode import to_rgb
from datazoo.pipeline.spec import PreprocessingSpec

# OpenCV's fixed-point weights of R, G, B in gray (15 bits).
GRAY_WEIGHTS = np.array([9798, 19235, 3735], np.uint32)


def preprocess(image: Image.Image, spec: PreprocessingSpec) -> np.ndarray:
    """Turn a picture into the network's input.

    Args:
        image: opened with Pillow, any mode.
        spec: the preprocessing.

    Returns:
        float32 (C, image_size, image_size).
    """
    return to_tensor(square(image, spec), spec)


def square(image: Image.Image, spec: PreprocessingSpec) -> np.ndarray:
    """Return the part of a picture that the network sees, uint8 (image_size, image_size, 3)."""
    return crop_centre(_resize(to_rgb(image), spec), spec.image_size)


def resized_size(width: int, height: int, shorter: int) -> tuple[int, int]:
    """Return width and height after resizing the shorter side; the other is truncated in float32, as in MindSpore."""
    if width < height:
        return shorter, int(np.float32(height) / np.float32(width) * np.float32(shorter))
    return int(np.float32(width) / np.float32(height) * np.float32(shorter)), shorter


def seen_part(width: int, height: int, spec: PreprocessingSpec) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of what the network sees of a picture, in shares of its width and height.

    They lie beyond 0 and 1 where a border is added.
    """
    size = (width, height) if spec.resize is None else resized_size(width, height, spec.resize)
    margins = [(length - spec.image_size) / 2 / length for length in size]
    return margins[0], margins[1], 1 - margins[0], 1 - margins[1]


def resized(image: Image.Image, width: int, height: int, interpolation: str = "bicubic") -> Image.Image:
    """Resize as MindSpore's PILCUBIC does, or with Pillow's other filters."""
    resampling = Image.Resampling[interpolation.upper()]
    # Rows first, then columns: newer versions of Pillow choose the order, and rounding between the two shows it.
    image = image.resize((width, image.height), resampling)
    return image.resize((width, height), resampling)


def _resize(image: Image.Image, spec: PreprocessingSpec) -> np.ndarray:
    if spec.resize is not None:
        image = resized(image, *resized_size(*image.size, spec.resize), spec.interpolation)
    pixels = np.asarray(image)
    return np.pad(pixels, ((spec.pad, spec.pad), (spec.pad, spec.pad), (0, 0)))


def crop_centre(pixels: np.ndarray, side: int) -> np.ndarray:
    """Cut the centre square out of uint8 (H, W, 3); a smaller picture gets a black border.

    Args:
        pixels: the picture.
        side: of the square.
    """
    height, width = pixels.shape[:2]
    missing = [max(side - length, 0) for length in (height, width)]
    if any(missing):  # the larger half of an odd border comes first, as in MindSpore
        pixels = np.pad(pixels, (*((m - m // 2, m // 2) for m in missing), (0, 0)))
    top, left = (max(length - side, 0) // 2 for length in (height, width))
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def to_tensor(pixels: np.ndarray, spec: PreprocessingSpec) -> np.ndarray:
    """Turn uint8 (..., H, W, 3) RGB squares into float32 (..., C, H, W) input."""
    if spec.color == "gray":
        pixels = ((pixels.astype(np.uint32) @ GRAY_WEIGHTS + (1 << 14)) >> 15).astype(np.uint8)[..., None]
    tensor = np.empty((*pixels.shape[:-3], spec.channels, *pixels.shape[-3:-1]), np.float32)
    # A channel at a time and in place: the roundings of all at once, in a ninth of the time.
    for channel, (mean, std) in enumerate(zip(spec.mean, spec.std, strict=True)):
        plane = tensor[..., channel, :, :]
        np.multiply(pixels[..., channel], np.float32(1 / 255), out=plane, dtype=np.float32)
        plane -= np.float32(mean)
        plane /= np.float32(std)
    return tensor
