"""A bundle of a few hundred bytes, made without MindSpore: logits are 10 x the mean red, green and blue."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper
from PIL import Image

from deploy.bundle.bundle import hash_files

CLASSES = ("red", "green", "blue")
SIDE = 8


def colour_model(scale: float = 10.0, last: str = "Identity", weights_elsewhere: str | None = None) -> onnx.ModelProto:
    """Mean over the picture, times `scale`, then the operator `last`.

    Args:
        scale: NaN makes a broken network.
        last: Identity, Softmax or Sigmoid.
        weights_elsewhere: file that the scale is said to lie in.
    """
    factor = helper.make_tensor("factor", TensorProto.FLOAT, [1], [scale])
    if weights_elsewhere is not None:
        factor.ClearField("float_data")
        factor.data_location = TensorProto.EXTERNAL
        factor.external_data.add(key="location", value=weights_elsewhere)
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "factor"], ["scaled"]),
        helper.make_node(last, ["scaled"], ["out"]),
    ]
    picture = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])
    answer = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", 3])
    graph = helper.make_graph(nodes, "colour", [picture], [answer], [factor])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def write_bundle(folder: Path, model: onnx.ModelProto | None = None, **fields: Any) -> Path:
    """Write a bundle whose hashes are right, whatever else is not.

    Args:
        folder: to make.
        model: of model.onnx; None takes `colour_model()`.
        fields: of the manifest, instead of the right ones; `labels`, `preprocessing`: those files' bytes.
    """
    folder.mkdir()
    labels = fields.pop("labels", "\n".join(CLASSES).encode() + b"\n")
    spec = {"image_size": SIDE, "resize": SIDE, "mean": [0, 0, 0], "std": [1, 1, 1]}
    (folder / "labels.txt").write_bytes(labels)
    (folder / "preprocessing.json").write_bytes(fields.pop("preprocessing", json.dumps(spec).encode()))
    (folder / "model.onnx").write_bytes((model or colour_model()).SerializeToString())
    manifest = {
        "created": "2030-01-01", "network": {"name": "net"}, "num_classes": 3, "output_kind": "logits",
        "merged_adapters": 0, "folded_batch_norms": 0, "checkpoint": {"file": "a", "epoch": 1, "sha256": "0"},
        "accuracy": {"split": "val", "n": 2, "correct": 1, "top1": 0.5, "interval": [0.1, 0.9]},
        "leaking_split": False, "models": {"onnx": onnx_entry()}, "refused": {}, "versions": {},
        "git_commit": None, "files": hash_files(folder), **fields,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def onnx_entry(**fields: Any) -> dict[str, Any]:
    """What the manifest says about model.onnx."""
    picture = {"name": "image", "dtype": "float32", "shape": ["batch", 3, SIDE, SIDE], "layout": "NCHW"}
    answer = {"name": "out", "dtype": "float32", "shape": ["batch", 3], "layout": "NC"}
    return {
        "file": "model.onnx", "runtime": "onnxruntime", "precision": "float32", "preprocessing": "outside",
        "batch": None, "input": picture, "output": answer, "opset": 13, "mended": [], "size_bytes": 7, "parity": None,
        **fields,
    }  # fmt: skip


def picture_bytes(colour: str = "#f00", size: tuple[int, int] = (12, 10)) -> bytes:
    """A PNG file of one colour."""
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()
