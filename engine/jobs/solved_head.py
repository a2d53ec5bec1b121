"""A last layer that is solved on cached features before training begins."""

from __future__ import annotations

import logging

import numpy as np
from mindspore import nn

from common.errors import NetError
from datazoo.features.cache import CachedFeatures
from datazoo.features.photos import photos_of
from engine.config.finetune_section import FinetuneConfig
from netzoo.closed_form import class_means_head, linear_probe_head
from netzoo.probe_penalty import choose_l2

logger = logging.getLogger(__name__)

UNCHOSEN_L2 = 0.1  # where there is too little to choose by: rather too much penalty than too little


def solve_head(network: nn.Cell, config: FinetuneConfig, features: CachedFeatures) -> None:
    """Set the last layer to the solution on cached features.

    Args:
        network: its head has no adapter yet.
        config: the recipe's `finetune` section; `head_init` is class_means or linear_probe.
        features: of the training pictures; every view counts as a picture.
    """
    views = len(features.values)
    values, labels = np.concatenate(features.values), np.tile(features.labels, views)
    if config.head_init == "class_means":
        weight, bias = class_means_head(values, labels)
    else:
        weight, bias = linear_probe_head(
            values, labels, l2=penalty_of(config, np.asarray(features.values[0]), features.labels)
        )
    network.head.set_classifier(weight, bias)
    logger.info(
        "head: solved by %s on cached features of %d pictures, %d view(s) each",
        config.head_init,
        len(features.labels),
        views,
    )


def penalty_of(config: FinetuneConfig, values: np.ndarray, labels: np.ndarray) -> float:
    """The recipe's penalty, or the one that cross-validation over photos chooses.

    Args:
        config: the recipe's `finetune` section.
        values: float32 (N, D) features of the pictures as they are evaluated.
        labels: (N,).
    """
    if config.probe_l2 is not None:
        return config.probe_l2
    photos = photos_of(values, labels)
    try:
        choice = choose_l2(values, labels, photos)
    except NetError as error:
        logger.warning("head: %s; taking finetune.probe_l2 %g", error, UNCHOSEN_L2)
        return UNCHOSEN_L2
    logger.info("head: %s; %d pictures of %d photos", choice, len(labels), int(photos.max()) + 1)
    return choice.l2
