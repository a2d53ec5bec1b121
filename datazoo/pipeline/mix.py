"""Mixup and CutMix of whole batches; labels become distributions over the classes."""

from __future__ import annotations

import numpy as np

from datazoo.pipeline.augment import Stream, generator
from datazoo.pipeline.spec import AugmentationConfig


class BatchMix:
    """Blend every picture of a batch with another one; mixup and CutMix take turns at random if both are on.

    Args:
        augment: `mixup` and `cutmix`, the parameters of the Beta distributions.
        num_classes: length of a label distribution.
        seed: of the draws.
        epoch: of the draws.

    Source: Zhang et al., mixup (2017); Yun et al., CutMix (2019).
    """

    def __init__(self, augment: AugmentationConfig, num_classes: int, seed: int, epoch: int) -> None:
        self._mixup, self._cutmix = augment.mixup, augment.cutmix
        self._num_classes, self._seed, self._epoch = num_classes, seed, epoch

    def __call__(
        self, images: np.ndarray, labels: np.ndarray, positions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mix a batch.

        Args:
            images: float32 (B, C, H, W).
            labels: int32 (B,).
            positions: int64 (B,), places in the epoch; the first one seeds the draws.

        Returns:
            float32 (B, C, H, W) pictures, float32 (B, num_classes) labels, the positions.
        """
        rng = generator(self._seed, self._epoch, int(positions[0]), Stream.MIX)
        partner = rng.permutation(len(images))
        targets = np.eye(self._num_classes, dtype=np.float32)[labels]
        use_cutmix = bool(self._cutmix) and (not self._mixup or rng.random() < 0.5)
        alpha = self._cutmix if use_cutmix else self._mixup
        share = float(rng.beta(alpha, alpha))
        if use_cutmix:
            height, width = images.shape[2:]
            top, bottom = self._side(height, share, rng)
            left, right = self._side(width, share, rng)
            images = images.copy()
            images[:, :, top:bottom, left:right] = images[partner, :, top:bottom, left:right]
            share = 1 - (bottom - top) * (right - left) / (height * width)
        else:
            images = np.float32(share) * images + np.float32(1 - share) * images[partner]
        targets = np.float32(share) * targets + np.float32(1 - share) * targets[partner]
        return images, targets, positions

    @staticmethod
    def _side(length: int, share: float, rng: np.random.Generator) -> tuple[int, int]:
        half = int(length * np.sqrt(1 - share)) // 2
        centre = int(rng.integers(length))
        return max(centre - half, 0), min(centre + half, length)
