"""What readers start from, kept where that is wanted: the evaluated square, or what random crops are cut from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from datazoo.pictures import PictureSet
from datazoo.pipeline.decoded_cache import DecodedCache, DecodedCacheChoice, open_decoded
from datazoo.pipeline.reader import Opener, View, opener
from datazoo.pipeline.reduce import decoded_bytes
from datazoo.pipeline.spec import AugmentationConfig, PreprocessingSpec
from datazoo.pipeline.transforms import evaluation_view
from datazoo.pipeline.window import Picture, Resize, resize_by_pillow, size_of


def crop_source(
    pictures: PictureSet,
    augment: AugmentationConfig,
    choice: DecodedCacheChoice,
    resize: Resize = resize_by_pillow,
) -> Opener:
    """Return what gives the pictures that random crops are cut from, kept or decoded.

    Args:
        pictures: the set.
        augment: `reduce_to`.
        choice: whether and where decoded pictures are kept.
        resize: reduces them.
    """
    decoded = opener(pictures, augment.reduce_to, resize)
    lengths = None if pictures.sizes is None else decoded_bytes(pictures.sizes, augment.reduce_to)
    cache = open_decoded(pictures, {"reduce_to": augment.reduce_to}, lengths, choice)
    return decoded if cache is None else _kept(cache, lambda index: np.asarray(decoded(index)))


def square_source(pictures: PictureSet, spec: PreprocessingSpec, choice: DecodedCacheChoice) -> tuple[View, Opener]:
    """Return what makes the evaluated square of a picture, and what gives the picture for it, kept or decoded.

    Args:
        pictures: the set.
        spec: the preprocessing.
        choice: whether and where squares are kept.
    """
    decoded, side = opener(pictures), spec.image_size
    stage = {"square": spec.model_dump(mode="json", include={"resize", "image_size", "interpolation", "pad"})}
    cache = open_decoded(pictures, stage, np.full(len(pictures), 3 * side * side, np.int64), choice)
    if cache is None:
        return evaluation_view(spec), decoded

    def as_it_is(picture: Picture, position: int) -> np.ndarray:
        # The reader's blank is a pixel, and no square.
        return np.asarray(picture) if size_of(picture) == (side, side) else np.zeros((side, side, 3), np.uint8)

    whole = evaluation_view(spec)
    return as_it_is, _kept(cache, lambda index: whole(decoded(index), index))


def _kept(cache: DecodedCache, make: Callable[[int], np.ndarray]) -> Opener:
    return lambda index: cache.get(index, lambda: make(index))
