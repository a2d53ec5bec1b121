"""The width of the MobileNetV2 that a weights file holds, by the shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from netzoo.mobilenetv2 import PAPER_SETTING, round_channels

PUBLISHED_WIDTHS = (0.1, 0.25, 0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Width multipliers that MobileNetV2 was published with by anybody."""


def width_of(weights: Mapping[str, np.ndarray]) -> float | None:
    """Return the published width whose blocks have as many channels as the file's, or None.

    Args:
        weights: tensors under this project's names, as `read_weights` returns them.
    """
    found = []
    for index in range(19):  # the first convolution, 17 blocks, the last one
        norms = [name for name in weights if name.startswith(f"features.{index}.") and name.endswith(".gamma")]
        if not norms:
            return None
        found.append(len(weights[max(norms)]))  # a block's last BatchNorm is its projection's
    return next((width for width in PUBLISHED_WIDTHS if _channels(width) == found), None)


def _channels(width: float) -> list[int]:
    rows = [round_channels(channels * width, 8) for _, channels, repeats, _ in PAPER_SETTING for _ in range(repeats)]
    return [round_channels(32 * width, 8), *rows, round_channels(1280 * max(1.0, width), 8)]
