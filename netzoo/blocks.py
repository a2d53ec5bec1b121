"""Which block of a network a parameter belongs to, by its name."""

from __future__ import annotations

import re
from collections.abc import Callable

from mindspore import nn

_BLOCK = re.compile(r"features\.(\d+)\..*")


def block_index(parameter_name: str) -> int | None:
    """Return i for `features.<i>...`, and None for what belongs to no block (the head, all of LeNet5)."""
    match = _BLOCK.fullmatch(parameter_name)
    return int(match[1]) if match else None


def block_count(net: nn.Cell) -> int:
    """Return the number of blocks: for MobileNetV2 19 (first convolution, 17 inverted residuals, last convolution)."""
    return 1 + max(
        (block_index(p.name) or 0 for p in net.get_parameters() if block_index(p.name) is not None), default=-1
    )


def is_head(parameter_name: str) -> bool:
    """Return whether this belongs to a head: its last layer is `dense`, the rest of it is `head.<...>`."""
    return parameter_name.startswith(("dense.", "head."))


def depth_of(net: nn.Cell) -> Callable[[str], int]:
    """Return the function from a parameter's name to the number of blocks between it and the head."""
    top = block_count(net)
    return lambda name: 0 if (block := block_index(name)) is None else top - block
