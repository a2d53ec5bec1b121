"""Layers as ONNX."""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import nn

from common.mindspore_paths import plain_folder
from common.onnx_session import open_session
from netzoo.compiled import forget_compiled_graphs


def export_onnx(layers: nn.Cell, picture: np.ndarray, *, fold: bool = False) -> bytes:
    """Return layers in inference mode as an ONNX file with a free batch size.

    Args:
        layers: from pictures to outputs, on MindSpore's own operators.
        picture: float32 (1, C, H, W).
        fold: fold BatchNorm layers into convolutions, and what else onnxruntime simplifies on any machine.
    """
    layers.set_train(False)
    forget_compiled_graphs(layers)  # the exporter changes the graph it finds, a second export fails on it
    with plain_folder() as folder:
        raw, folded = folder / "layers.onnx", folder / "folded.onnx"
        ms.onnx.export(
            layers,
            ms.Tensor(picture),
            file_name=str(raw),
            input_names=["image"],
            output_names=["output"],
            dynamic_axes={"image": {0: "batch"}},
        )
        forget_compiled_graphs(layers)
        if not fold:
            return raw.read_bytes()
        open_session(str(raw), 1, optimized=str(folded))
        return folded.read_bytes()
