"""Random changes of training pictures, each drawn from (seed, epoch, position in the epoch).

MindSpore's random operators draw from a generator of their thread: the same seed gives other pictures with another
number of threads. Here the draws are made first and MindSpore's deterministic operators carry them out.
"""

from __future__ import annotations

import math
from enum import IntEnum

import mindspore.dataset.vision as vision
import numpy as np
from mindspore.dataset.vision import AutoContrast, Inter

from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
from datazoo.pipeline.window import Picture, Resize, resize_by_pillow, size_of, window_of


class Stream(IntEnum):
    """What is drawn; each has draws of its own, so that one never shifts another."""

    CROP = 0
    CHANGE = 1
    MIX = 2


def generator(seed: int, epoch: int, position: int, stream: Stream) -> np.random.Generator:
    """Return the generator of one picture's (or batch's) draws."""
    return np.random.Generator(np.random.PCG64([seed, epoch, position, stream]))


def draw_crop(
    height: int, width: int, augment: AugmentationConfig, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Draw a RandomResizedCrop window.

    Args:
        height: of the picture, pixels.
        width: of the picture, pixels.
        augment: `crop_scale` and `crop_ratio`.
        rng: source of the draws.

    Returns:
        top, left, height, width; the largest centred window of an allowed ratio if ten draws do not fit.

    Source: Szegedy et al., Going deeper with convolutions (2014), section 6; as in torchvision.
    """
    low, high = (math.log(ratio) for ratio in augment.crop_ratio)
    for _ in range(10):
        area = height * width * rng.uniform(*augment.crop_scale)
        ratio = math.exp(rng.uniform(low, high))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1)), h, w
    ratio = min(max(width / height, augment.crop_ratio[0]), augment.crop_ratio[1])
    h, w = min(height, max(1, round(width / ratio))), min(width, max(1, round(height * ratio)))
    return (height - h) // 2, (width - w) // 2, h, w


class RandomCrop:
    """Cut a random window out of an RGB picture and resize it to a square.

    Args:
        augment: `crop_scale` and `crop_ratio`.
        side: of the square, pixels.
        seed: of the draws.
        epoch: of the draws.
        interpolation: filter of the resize.
        resize: does it.
    """

    def __init__(
        self,
        augment: AugmentationConfig,
        side: int,
        seed: int,
        epoch: int,
        interpolation: str = "bicubic",
        resize: Resize = resize_by_pillow,
    ) -> None:
        self._augment, self._side, self._seed, self._epoch = augment, side, seed, epoch
        self._interpolation, self._resize = interpolation, resize

    def __call__(self, picture: Picture, position: int) -> np.ndarray:
        """Return uint8 (side, side, 3)."""
        rng = generator(self._seed, self._epoch, position, Stream.CROP)
        width, height = size_of(picture)
        top, left, h, w = draw_crop(height, width, self._augment, rng)
        return self._resize(window_of(picture, left, top, w, h), self._side, self._side, self._interpolation)


class RandomChange:
    """Shift, rotate, flip, recolour and erase uint8 HWC RGB squares, as far as the augmentation says so."""

    def __init__(self, augment: AugmentationConfig, spec: PreprocessingSpec, seed: int, epoch: int) -> None:
        self._augment, self._seed, self._epoch = augment, seed, epoch
        mean = spec.mean * 3 if spec.color == "gray" else spec.mean
        self._fill = np.rint(np.asarray(mean) * 255).clip(0, 255).astype(np.uint8)

    def __call__(self, image: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the changed picture and `position`."""
        augment = self._augment
        rng = generator(self._seed, self._epoch, int(position), Stream.CHANGE)
        if augment.rotation:
            angle = float(rng.uniform(-augment.rotation, augment.rotation))
            image = vision.Rotate(angle, Inter.BILINEAR)(image)
        if augment.shift:
            image = shift(image, *rng.integers(-augment.shift, augment.shift + 1, 2))
        if augment.horizontal_flip and rng.random() < augment.horizontal_flip:
            image = vision.HorizontalFlip()(np.ascontiguousarray(image))  # NumPy takes eight times as long
        if augment.color_jitter:
            image = jitter(np.ascontiguousarray(image), augment.color_jitter, rng)
        for _ in range(augment.randaugment):
            image = randaugment(np.ascontiguousarray(image), augment.randaugment_magnitude, rng)
        if augment.random_erasing and rng.random() < augment.random_erasing:
            image = erase(image, self._fill, rng)
        return np.ascontiguousarray(image), position


def shift(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Move an HWC picture by whole pixels; what comes in is 0."""
    moved = np.zeros_like(image)
    height, width = image.shape[:2]
    moved[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = image[
        max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)
    ]
    return moved


def jitter(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast and saturation, in random order, by factors of 1-strength to 1+strength."""
    changes = (vision.AdjustBrightness, vision.AdjustContrast, vision.AdjustSaturation)
    factors = rng.uniform(1 - strength, 1 + strength, 3)
    for index in rng.permutation(3):
        image = changes[index](float(factors[index]))(image)
    return image


def erase(image: np.ndarray, fill: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fill a random rectangle (2 to 33 % of the area, ratio 0.3 to 3.3) with `fill`.

    Source: Zhong et al., Random Erasing Data Augmentation (2017); their values for ImageNet.
    """
    height, width = image.shape[:2]
    for _ in range(10):
        area = height * width * rng.uniform(0.02, 1 / 3)
        ratio = math.exp(rng.uniform(math.log(0.3), math.log(1 / 0.3)))
        h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < h < height and 0 < w < width:
            top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
            image = image.copy()
            image[top : top + h, left : left + w] = fill
            break
    return image


def randaugment(image: np.ndarray, magnitude: int, rng: np.random.Generator) -> np.ndarray:
    """Apply one operation drawn from RandAugment's fourteen.

    Args:
        image: uint8 HWC RGB.
        magnitude: 0 (hardly visible) to 30.
        rng: source of the draws.

    Source: Cubuk et al., RandAugment (2019), with torchvision's ranges.
    """
    part = magnitude / 30
    sign = 1.0 if rng.random() < 0.5 else -1.0
    width = image.shape[1]

    def affine(shear: tuple[float, float] = (0.0, 0.0), move: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        return vision.Affine(0.0, list(move), 1.0, list(shear), Inter.NEAREST)(image)

    move, shear = sign * 150 / 331 * part, sign * math.degrees(math.atan(0.3 * part))
    operations = (
        lambda: image,
        lambda: affine(shear=(shear, 0.0)),
        lambda: affine(shear=(0.0, shear)),
        lambda: shift(image, 0, int(move * width)),
        lambda: shift(image, int(move * width), 0),
        lambda: vision.Rotate(sign * 30 * part)(image),
        lambda: vision.AdjustBrightness(1 + sign * 0.9 * part)(image),
        lambda: vision.AdjustSaturation(1 + sign * 0.9 * part)(image),
        lambda: vision.AdjustContrast(1 + sign * 0.9 * part)(image),
        lambda: vision.AdjustSharpness(1 + sign * 0.9 * part)(image),
        lambda: vision.Posterize(8 - round(4 * part))(image),
        lambda: vision.Solarize((255 * (1 - part), 255.0))(image),
        lambda: AutoContrast()(image),
        lambda: vision.Equalize()(image),
    )
    return operations[int(rng.integers(len(operations)))]()
