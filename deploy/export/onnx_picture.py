"""Puts the preprocessing into an ONNX graph, which then takes a uint8 RGB picture of any size.

Every step is the one of `datazoo.pipeline.pillow_path`: onnxruntime's antialiased cubic Resize of uint8 pixels is
Pillow's bicubic filter, applied to rows first and columns second as there; sizes are computed in float32 and truncated.
Pixels that need no resizing come out the same; of resized ones about one in 1,000 differs by one grey level, where
the filter's sum lies half way between two, and one in some ten million by two, where that happens in both passes.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper, version_converter

from datazoo.pipeline.pillow_path import GRAY_WEIGHTS
from datazoo.pipeline.spec import PreprocessingSpec

OPSET = 18
"""The first in which Resize has antialiasing."""
INPUT_NAME = "picture"


def with_preprocessing(model: onnx.ModelProto, spec: PreprocessingSpec) -> onnx.ModelProto:
    """Return a model that takes one uint8 (height, width, 3) RGB picture named `picture`.

    Args:
        model: takes float32 (batch, C, H, W), with a free batch.
        spec: the preprocessing.

    Raises:
        onnx.checker.ValidationError: the result is not a valid ONNX model.
    """
    converted = version_converter.convert_version(model, OPSET)
    steps = _Steps()
    pixels = INPUT_NAME
    if spec.resize is not None:
        pixels = _resize(steps, pixels, spec.resize)
    pixels = _pad_and_crop(steps, pixels, spec)
    _normalise(steps, pixels, spec, converted.graph.input[0].name)
    picture = helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, ["height", "width", 3])
    graph = converted.graph
    output = helper.make_tensor_value_info(
        graph.output[0].name, TensorProto.FLOAT, [1, graph.output[0].type.tensor_type.shape.dim[1].dim_value]
    )
    whole = helper.make_graph(
        [*steps.nodes, *graph.node],
        "preprocessing_and_network",
        [picture],
        [output],
        [*steps.constants, *graph.initializer],
    )
    result = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(result, full_check=True)
    return result


class _Steps:
    """Nodes of the preprocessing, each named for what it computes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: ArrayLike, dtype: type = np.int64) -> str:
        name = f"preprocessing/{name}"
        if all(tensor.name != name for tensor in self.constants):
            self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, operator: str, inputs: list[str], name: str, output: str | None = None, **attributes: object) -> str:
        name = f"preprocessing/{name}"
        output = output or f"{name}/out"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))
        return output


def _sides(steps: _Steps, pixels: str, name: str) -> str:
    """Height and width of (H, W, 3) pixels, int64 (2,)."""
    shape = steps.add("Shape", [pixels], f"{name}_shape")
    return steps.add("Slice", [shape, steps.constant("zero", [0]), steps.constant("two", [2])], f"{name}_sides")


def _resize(steps: _Steps, pixels: str, shorter: int) -> str:
    sides = steps.add("Cast", [_sides(steps, pixels, "picture")], "sides_as_float", to=TensorProto.FLOAT)
    shortest = steps.add("ReduceMin", [sides], "shortest_side", keepdims=1)
    ratio = steps.add("Div", [sides, shortest], "ratio")
    exact = steps.add("Mul", [ratio, steps.constant("shorter_side", [shorter], np.float32)], "exact_sides")
    wanted = steps.add("Cast", [exact], "wanted_sides", to=TensorProto.INT64)
    original = _sides(steps, pixels, "picture_again")
    zero, one, two = (steps.constant(name, [value]) for name, value in (("zero", 0), ("one", 1), ("two", 2)))
    height = steps.add("Slice", [original, zero, one], "height")
    width = steps.add("Slice", [wanted, one, two], "wanted_width")
    # Channels first: onnxruntime resizes the last two axes.
    planes = steps.add("Transpose", [pixels], "planes", perm=[2, 0, 1])
    batch = steps.add("Unsqueeze", [planes, zero], "planes_as_batch")
    head = steps.constant("one_picture_of_three_planes", [1, 3])
    for axis, parts in (("rows", [head, height, width]), ("columns", [head, wanted])):
        sizes = steps.add("Concat", parts, f"size_after_{axis}", axis=0)
        batch = steps.add(
            "Resize",
            [batch, "", "", sizes],
            f"resize_{axis}",
            mode="cubic",
            cubic_coeff_a=-0.5,
            antialias=1,
            exclude_outside=1,
            coordinate_transformation_mode="half_pixel",
        )
    planes = steps.add("Squeeze", [batch, zero], "resized_planes")
    return steps.add("Transpose", [planes], "resized", perm=[1, 2, 0])


def _pad_and_crop(steps: _Steps, pixels: str, spec: PreprocessingSpec) -> str:
    if spec.pad:
        border = steps.constant("border", [spec.pad, spec.pad, 0, spec.pad, spec.pad, 0])
        pixels = steps.add("Pad", [pixels, border], "pad")
    zero, two = steps.constant("zero", [0]), steps.constant("two", [2])
    side, halves, axes = (
        steps.constant("side", [spec.image_size]),
        steps.constant("two", [2]),
        steps.constant("axes", [0, 1]),
    )
    sides = _sides(steps, pixels, "before_crop")
    missing = steps.add("Max", [steps.add("Sub", [side, sides], "missing_or_less"), zero], "missing")
    after = steps.add("Div", [missing, halves], "missing_after")
    before = steps.add("Sub", [missing, after], "missing_before")
    pads = steps.add("Concat", [before, zero, after, zero], "missing_border", axis=0)
    pixels = steps.add("Pad", [pixels, pads], "fill_up")
    surplus = steps.add("Max", [steps.add("Sub", [sides, side], "surplus_or_less"), zero], "surplus")
    start = steps.add("Div", [surplus, two], "crop_start")
    end = steps.add("Add", [start, side], "crop_end")
    return steps.add("Slice", [pixels, start, end, axes], "crop")


def _normalise(steps: _Steps, pixels: str, spec: PreprocessingSpec, output: str) -> None:
    if spec.color == "gray":
        wide = steps.add("Cast", [pixels], "pixels_as_int", to=TensorProto.INT32)
        weights = steps.constant("gray_weights", GRAY_WEIGHTS.reshape(3, 1), np.int32)
        weighed = steps.add("MatMul", [wide, weights], "gray_weighed")
        rounded = steps.add("Add", [weighed, steps.constant("half", 1 << 14, np.int32)], "gray_plus_half")
        pixels = steps.add("Div", [rounded, steps.constant("gray_unit", 1 << 15, np.int32)], "gray")
    real = steps.add("Cast", [pixels], "pixels_as_float", to=TensorProto.FLOAT)
    scaled = steps.add("Mul", [real, steps.constant("one_255th", 1 / 255, np.float32)], "scaled")
    centred = steps.add("Sub", [scaled, steps.constant("mean", spec.mean, np.float32)], "centred")
    normalised = steps.add("Div", [centred, steps.constant("std", spec.std, np.float32)], "normalised")
    planes = steps.add("Transpose", [normalised], "normalised_planes", perm=[2, 0, 1])
    steps.add("Unsqueeze", [planes, steps.constant("zero", [0])], "input", output=output)
