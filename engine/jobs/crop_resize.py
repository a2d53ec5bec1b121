"""What makes squares of random crops: the compiled kernels, or Pillow."""

from __future__ import annotations

import logging

from datazoo.pipeline.spec import AugmentationConfig
from datazoo.pipeline.window import Resize, resize_by_pillow
from kernels.build import KernelsUnavailable, library
from kernels.resize import KernelResize

logger = logging.getLogger(__name__)


def crop_resize(augment: AugmentationConfig, kernels: bool) -> Resize:
    """Choose what resizes random crops, on any device, and say it in one line; both give the same bits.

    Args:
        augment: whether crops are random.
        kernels: whether the kernels may be used.
    """
    if not augment.random_resized_crop:
        return resize_by_pillow
    reason = "runtime.kernels is false"
    if kernels:
        try:
            kernel = KernelResize(library())
        except KernelsUnavailable as error:
            reason = str(error)
        else:
            logger.info("random crops are resized by kernels/, to the same bits as by Pillow")
            return kernel
    logger.info("random crops are resized by Pillow: %s", reason)
    return resize_by_pillow
