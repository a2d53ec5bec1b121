"""Which pictures show one photo: web pictures come flipped, turned and cropped, and near copies flatter a score."""

from __future__ import annotations

import numpy as np

# Chosen by eye on web pictures, with MobileNetV2's ImageNet features; unlike photos that look alike need more.
SAME_PHOTO_COSINES = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
LARGEST_SHARE = 0.25


def photos_of(features: np.ndarray, labels: np.ndarray, cosines: tuple[float, ...] = SAME_PHOTO_COSINES) -> np.ndarray:
    """Return each picture's photo, int32 (N,), numbered from 0.

    Two pictures of a class show one photo if the cosine of their features, less the mean of all, is above a threshold,
    directly or over others in between. In a class whose pictures all look alike, such as hands before one wall, that
    would be one photo: the threshold rises until no photo has more than a quarter of the class's pictures, and where
    the highest does not do, every picture is a photo of its own.

    Args:
        features: pooled features of a published backbone, float32 (N, D).
        labels: (N,); pictures of two classes are never one photo.
        cosines: thresholds, rising.
    """
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    unit -= unit.mean(axis=0)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    photos = np.zeros(len(labels), np.int32)
    known = 0
    for label in np.unique(labels):  # class by class: all pairs of a large set would not fit in memory
        rows = np.flatnonzero(labels == label)
        photos[rows] = known + _alike(unit[rows] @ unit[rows].T, cosines)
        known = int(photos.max()) + 1
    return photos


def count_seen(train: tuple[np.ndarray, np.ndarray], held_out: tuple[np.ndarray, np.ndarray]) -> int:
    """How many held-out pictures show a photo that train shows too, as `photos_of` has it.

    Args:
        train: features (N, D) and labels (N,).
        held_out: features (M, D) and labels (M,) of another split.
    """
    (values, labels), (others, other_labels) = train, held_out
    photos = photos_of(np.concatenate([values, others]), np.concatenate([labels, other_labels]))
    return int(np.isin(photos[len(values) :], photos[: len(values)]).sum())


def _alike(cosine: np.ndarray, thresholds: tuple[float, ...]) -> np.ndarray:
    """Group the pictures of one class by their cosines (n, n)."""
    from scipy.sparse.csgraph import connected_components

    most = max(1.0, LARGEST_SHARE * len(cosine))
    for threshold in thresholds:
        _, groups = connected_components(cosine > threshold, directed=False)
        if np.bincount(groups).max() <= most or len(thresholds) == 1:
            return groups
    return np.arange(len(cosine))
