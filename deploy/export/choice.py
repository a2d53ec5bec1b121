"""Whether a smaller file is worth shipping: judged on validation pictures, never on those of the proof."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.bundle.manifest import LayerSensitivity, Parity
from deploy.export.parity import Reference, measure
from deploy.export.quantize import Int8Quantiser
from deploy.export.sensitivity import layer_sensitivity, sensitivity_text

logger = logging.getLogger(__name__)

LARGEST_LOSS = 0.01
"""Share of the validation pictures that a smaller file may get wrong beyond those of the trained network."""
WriteInt8 = Callable[[Path, Sequence[str]], tuple[str, ...]]
SHARES = (0.0, 0.1, 0.25)
"""Shares of the layers, the most sensitive ones, that stay float32, one after the other until the loss is small."""


@dataclass(frozen=True)
class Judged:
    """A smaller file that was tried.

    Args:
        mended: what was done to make it.
        parity: its answers on the validation pictures.
        refused: why it is left out, or None.
        sensitivity: of the layers, where it was asked for or needed.
    """

    mended: tuple[str, ...]
    parity: Parity
    refused: str | None
    sensitivity: tuple[LayerSensitivity, ...] = ()


def judge(path: Path, mended: tuple[str, ...], validation: Reference) -> Judged:
    """Run a smaller file on the validation pictures."""
    parity = measure(path, validation, None, None)
    return Judged(mended, parity, loss_problem(validation, parity))


def loss_problem(validation: Reference, parity: Parity) -> str | None:
    """Why a smaller file is left out, or None."""
    before, after = validation.accuracy, parity.accuracy
    lost = before.correct - after.correct
    if lost <= LARGEST_LOSS * after.n:
        return None
    return (
        f"right on {after.correct} of {after.n} {after.split} pictures where the trained network is on "
        f"{before.correct}: {100 * lost / after.n:.1f} points are lost, and {100 * LARGEST_LOSS:g} is allowed"
    )


def choose_int8(
    base: Path, path: Path, quantiser: Int8Quantiser, write: WriteInt8, validation: Reference, with_sensitivity: bool
) -> Judged:
    """Write the int8 file with the fewest float32 layers that holds on the validation pictures.

    Args:
        base: float32 ONNX file.
        path: file to write.
        quantiser: of the network; finds out how sensitive its layers are.
        write: writes the file with the named layers left float32, and says what was done.
        validation: the trained network's answers on the validation pictures.
        with_sensitivity: find it out in any case.
    """
    layers: tuple[LayerSensitivity, ...] = ()
    for share in SHARES:
        if (share or with_sensitivity) and not layers:
            layers = layer_sensitivity(quantiser, base, np.load(validation.inputs, mmap_mode="r"))
            where = f"{layers[0].n} {validation.split} pictures"
            logger.info("int8, layer by layer, on %s\n%s", where, sensitivity_text(layers))
        worst = [layer.layer for layer in layers[: round(share * len(layers))]]
        tried = judge(path, write(path, worst), validation)
        if tried.refused is None:
            break
        logger.info("%s, %s: %s", path.name, tried.mended[-1], tried.refused)
    refused = f"{tried.refused}, also where {tried.mended[-1]}" if tried.refused else None
    return Judged(tried.mended, tried.parity, refused, layers)
