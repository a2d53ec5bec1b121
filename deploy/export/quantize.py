"""Smaller ONNX files: int8 weights and activations, or half-precision weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import version_converter
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from deploy.export.onnx_mend import INPUT_NAME

OPSET = 13
"""The first in which QuantizeLinear has a scale for each channel."""
FLOAT_SHARE = 0.005
"""Share of the weights that stays float32: those of the first layers, which hold few and decide most. Of MobileNetV2
these are three blocks; with 8-bit weights, leaving them out took the error of its logits from 0.37 to 0.27
(garbage-26, test)."""


class Int8Quantiser:
    """Quantises one model as often as is wanted, and calibrates it once.

    Args:
        base: float32 ONNX file.
        folder: for files of its own.
        inputs: preprocessed training pictures (C, H, W).

    Attributes:
        first: operators that stay float32 in any case, from the input on.
        layers: convolutions and dense layers, with the number of their weights.
    """

    def __init__(self, base: Path, folder: Path, inputs: Iterator[np.ndarray]) -> None:
        upgraded, self._prepared, self._ranges = folder / "upgraded", folder / "prepared", folder / "ranges"
        onnx.save(version_converter.convert_version(onnx.load(base), OPSET), upgraded)
        quant_pre_process(str(upgraded), str(self._prepared), skip_symbolic_shape=True)
        graph = onnx.load(self._prepared).graph
        self.first = first_layers(graph)
        self.layers = weights_of_layers(graph)
        self._reader = _Reader(inputs)

    def write(self, path: Path, kept: Collection[str], only: Sequence[str] = ()) -> tuple[str, ...]:
        """Write an int8 model: uint8 activations, 7-bit weights with one scale a channel.

        Args:
            path: file to write.
            kept: operators that stay float32.
            only: the operators that are quantised; none named: all others.

        Returns:
            What was done.
        """
        quantize_static(
            str(self._prepared),
            str(path),
            self._reader,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # Processors without int8 dot products (AVX2, AVX-512 before VNNI) add pairs of products in 16 bits, which
            # 8-bit weights overflow, silently; 7 bits fit.
            reduce_range=True,
            nodes_to_quantize=list(only),
            nodes_to_exclude=list(kept),
            # Averages the calibration batches' ranges: single pixels far out do not stretch the scale.
            extra_options={"CalibMovingAverage": True},
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibration_cache_path=self._ranges,
        )
        return (
            "BatchNorm folded into convolutions by onnxruntime",
            f"int8 weights of 7 bits, a scale a channel, uint8 activations calibrated on {self._reader.count} training "
            "pictures",
            self.kept_text(kept),
        )

    def write_but(self, path: Path, kept: Sequence[str]) -> tuple[str, ...]:
        """Write an int8 model in which the first layers and those named stay float32; return what was done."""
        return self.write(path, {*self.first, *kept})

    def kept_text(self, kept: Collection[str]) -> str:
        """How many layers stay float32, in words."""
        return f"{sum(name in kept for name in self.layers)} of {len(self.layers)} layers stay float32"


def weights_of_layers(graph: onnx.GraphProto) -> dict[str, int]:
    """Names of convolutions and dense layers, in the order of the graph, with the number of their weights."""
    sizes = {tensor.name: int(np.prod(tensor.dims, dtype=np.int64)) for tensor in graph.initializer}
    layers = (node for node in graph.node if node.op_type in ("Conv", "Gemm", "MatMul"))
    return {node.name: sizes[node.input[1]] for node in layers if node.input[1] in sizes}


def first_layers(graph: onnx.GraphProto) -> list[str]:
    """Names of the first nodes, as many as hold less than `FLOAT_SHARE` of the weights together."""
    sizes = {tensor.name: int(np.prod(tensor.dims, dtype=np.int64)) for tensor in graph.initializer}
    left = FLOAT_SHARE * sum(sizes.values())
    names = []
    for node in graph.node:
        left -= sum(sizes.get(name, 0) for name in node.input)
        if left < 0:
            break
        names.append(node.name)
    return names


def to_float16(base: Path, path: Path) -> tuple[str, ...]:
    """Write a half-precision model with float32 input and output; return what was done."""
    model = convert_float_to_float16(onnx.load(base), keep_io_types=True)
    OnnxModel(model).topological_sort()  # the casts of input and output were put at the end
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return ("float16 weights and operators, float32 input and output",)


class _Reader(CalibrationDataReader):
    """Feeds one picture at a time to the calibration."""

    def __init__(self, inputs: Iterator[np.ndarray]) -> None:
        self._inputs = inputs
        self.count = 0

    def get_next(self) -> dict[str, np.ndarray] | None:
        picture = next(self._inputs, None)
        if picture is None:
            return None
        self.count += 1
        return {INPUT_NAME: picture[None]}
