"""Mixed precision."""

from __future__ import annotations

import contextlib
import tempfile

import mindspore as ms
from mindspore import nn

from engine.config.schema import AmpConfig

_DTYPES = {"float16": ms.float16, "bfloat16": ms.bfloat16}


def to_mixed_precision(network: nn.Cell, config: AmpConfig) -> nn.Cell:
    """Return the network computing at the recipe's AMP level; parameters stay float32 and keep their names."""
    if config.level == "O0":
        return network
    # MindSpore writes the source of rewritten cells into the current folder; keep the user's folder clean.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return ms.amp.auto_mixed_precision(network, config.level, _DTYPES[config.dtype])
