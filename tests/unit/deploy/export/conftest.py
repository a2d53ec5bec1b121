"""A network of three layers, without training and without MindSpore."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper


@pytest.fixture
def small_network(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    weights = {
        "first.weight": rng.normal(0, 0.3, (4, 3, 3, 3)),
        "second.weight": rng.normal(0, 0.2, (64, 4, 3, 3)),
        "dense.weight": rng.normal(0, 0.1, (10, 64 * 16)),
        "dense.bias": rng.normal(0, 0.1, 10),
    }
    nodes = [
        helper.make_node("Conv", ["image", "first.weight"], ["a"], "first/Conv", strides=[2, 2], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"], "first/Relu"),
        helper.make_node("Conv", ["b", "second.weight"], ["c"], "second/Conv", strides=[2, 2], pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["d"], "second/Relu"),
        helper.make_node("Flatten", ["d"], ["e"], "dense/Flatten"),
        helper.make_node("Gemm", ["e", "dense.weight", "dense.bias"], ["logits"], "dense/Gemm", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 16, 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=4)
    onnx.save(model, tmp_path / "base.onnx")
    return tmp_path / "base.onnx"
