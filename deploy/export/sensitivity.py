"""How much each layer suffers from int8: the outputs' change with that layer quantised and all others left float32."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deploy.bundle.manifest import LayerSensitivity
from deploy.export.quantize import Int8Quantiser
from deploy.use.runtimes import OnnxRuntime

PICTURES = 64
_SHOWN = 10


def layer_sensitivity(quantiser: Int8Quantiser, base: Path, inputs: np.ndarray) -> tuple[LayerSensitivity, ...]:
    """Quantise one layer after the other, by itself, and compare the outputs with the float32 file's.

    Args:
        quantiser: of the network.
        base: float32 ONNX file.
        inputs: preprocessed validation pictures (N, C, H, W); at most `PICTURES` of them are used, evenly spread.

    Returns:
        One entry a layer, the most sensitive first.
    """
    pictures = np.asarray(inputs[:: -(-len(inputs) // PICTURES)])
    expected = OnnxRuntime(base)(pictures)
    found = []
    with tempfile.TemporaryDirectory(prefix="layers-") as folder:
        file = Path(folder) / "layer.onnx"
        for name, weights in quantiser.layers.items():
            quantiser.write(file, kept=(), only=(name,))
            outputs = OnnxRuntime(file)(pictures)
            found.append(
                LayerSensitivity(
                    layer=name,
                    weights=weights,
                    n=len(pictures),
                    mean_abs_diff=float(np.abs(outputs - expected).mean()),
                    top1_agreement=float((outputs.argmax(1) == expected.argmax(1)).mean()),
                )
            )
    return tuple(sorted(found, key=lambda layer: -layer.mean_abs_diff))


def sensitivity_text(layers: Sequence[LayerSensitivity], shown: int = _SHOWN) -> str:
    """The table, most sensitive first; the rest as a number."""
    lines = [f"{'int8 in this layer only':48}{'weights':>10}{'outputs change':>16}{'same class':>12}"]
    for layer in layers[:shown]:
        change = f"{layer.mean_abs_diff:.4f}"
        lines.append(f"{layer.layer:48}{layer.weights:>10,}{change:>16}{layer.top1_agreement:>12.1%}")
    if rest := layers[shown:]:
        lines.append(f"and {len(rest)} layers that change them by {rest[0].mean_abs_diff:.4f} or less")
    return "\n".join(lines)
