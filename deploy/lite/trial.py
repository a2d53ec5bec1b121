"""A first conversion and a first answer of a Lite environment: a small network whose outputs are known."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from deploy.export.lite_convert import ModelSource, convert
from deploy.use.lite_environment import LiteEnvironment, LiteError
from deploy.use.lite_runtime import LiteRuntime

SHAPE = (3, 8, 8)
# Lite reads no defaults of ONNX.
_ONE_PIXEL = {"kernel_shape": [1, 1], "strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0], "group": 1}


def try_environment(environment: LiteEnvironment, converting: LiteEnvironment | None = None) -> None:
    """Convert a small network and run it in every way that is there.

    Args:
        environment: what is tried.
        converting: converts in its place, where it cannot.

    Raises:
        LiteError: it fails, or answers wrongly.
    """
    inputs = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype(np.float32)
    model, weights = _network()
    means = np.maximum(np.einsum("bchw,oc->bohw", inputs, weights), 0).mean((2, 3))
    with tempfile.TemporaryDirectory(prefix="lite-") as folder:
        file = Path(folder) / "small.onnx"
        onnx.save(model, file)
        target = file.with_suffix(".ms")
        convert(converting or environment, ModelSource(file, "image", SHAPE), target, "fp32")
        for language in environment.languages():
            runtime = LiteRuntime(target, SHAPE, environment=environment, language=language)
            outputs = runtime(inputs)
            runtime.close()
            if outputs.shape != means.shape or np.abs(outputs - means).max() > 1e-4:
                raise LiteError(f"MindSpore Lite ({language}) answers wrongly; set it up again")


def _network() -> tuple[onnx.ModelProto, np.ndarray]:
    """A convolution of one pixel, ReLU and the mean of every channel; and the weights (5, 3)."""
    weights = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "weights"], ["c"], name="conv", **_ONE_PIXEL),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["m"], name="mean"),
        helper.make_node("Flatten", ["m"], ["output"], name="flatten"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, *SHAPE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(weights[..., None, None], "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)])
    model.ir_version = 6
    return model, weights
