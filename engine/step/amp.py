"""Mixed precision."""

from __future__ import annotations

import contextlib
import tempfile
import weakref

import mindspore as ms
from mindspore import nn

from engine.config.optimizer_section import AmpConfig

_DTYPES = {"float16": ms.float16, "bfloat16": ms.bfloat16}


def to_mixed_precision(network: nn.Cell, config: AmpConfig) -> nn.Cell:
    """Return the network computing at the recipe's AMP level; parameters stay float32 and keep their names."""
    if config.level == "O0":
        return network
    # MindSpore writes the source of rewritten cells into the current folder and reads it when the graph is compiled:
    # give it a folder of its own that lives as long as the network.
    folder = tempfile.TemporaryDirectory()
    with contextlib.chdir(folder.name):
        mixed = ms.amp.auto_mixed_precision(network, config.level, _DTYPES[config.dtype])
    weakref.finalize(mixed, folder.cleanup)
    return mixed


def describe_precision(config: AmpConfig, device: str) -> str:
    """One line: what a run computes in."""
    scale = {"none": "no loss scale", "fixed": f"loss scale {config.init_scale:g}"}.get(
        config.loss_scale, f"dynamic loss scale from {config.init_scale:g}"
    )
    kind = "float32" if config.level == "O0" else f"{config.dtype} and float32"
    return f"precision on {device}: {kind} (amp.level {config.level}), {scale}"
