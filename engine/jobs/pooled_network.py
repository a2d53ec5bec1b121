"""Networks that end with the mean over feature maps and one linear layer, whose activation maps are exact.

Source: Zhou et al., 2016, "Learning Deep Features for Discriminative Localization", section 2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.onnx_session import OnnxNetwork
from engine.jobs.inference import NotExportable, made_pictures, open_in_mindspore, to_onnx

if TYPE_CHECKING:
    from mindspore import nn
    from onnx import NodeProto

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PooledNetwork:
    """Feature maps, their mean, and a linear layer.

    Args:
        features: float32 (B, C, H, W) to feature maps (B, D, h, w).
        weight: (num_classes, D) of the linear layer.
        bias: (num_classes,).
    """

    features: Callable[[np.ndarray], np.ndarray]
    weight: np.ndarray
    bias: np.ndarray

    def explain(self, pictures: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the activation maps of one class a picture, and the logits.

        A map's mean plus the bias of its class is the logit of the class.

        Args:
            pictures: float32 (B, C, H, W), as the network takes them.
            classes: int (B,).

        Returns:
            Maps (B, h, w) and logits (B, num_classes).
        """
        features = self.features(pictures)
        maps = np.einsum("bdhw,bd->bhw", features, self.weight[classes])
        return maps, features.mean((2, 3)) @ self.weight.T + self.bias


def pooled_in_checkpoint(checkpoint: Path, device: str) -> PooledNetwork | None:
    """Open a checkpoint that way: by onnxruntime on a CPU where it can be exported, in MindSpore elsewhere.

    Args:
        checkpoint: the `.ckpt` file; its sidecar stands beside it.
        device: of the runtime, which is started.

    Returns:
        None where the network ends otherwise.
    """
    from netzoo.lora import merge_lora

    opened = open_in_mindspore(checkpoint, logits=True)
    assert opened.cell is not None
    if opened.sidecar.lora:
        merge_lora(opened.cell)
    pooled = pooled_in_cell(opened.cell)
    if pooled is None or device != "CPU":
        return pooled
    try:
        model, _ = to_onnx(opened.cell, made_pictures(opened.spec))
        return open_pooled(model)[1] or pooled
    except NotExportable as reason:
        logger.warning("activation maps by MindSpore, which is slower than onnxruntime: %s", reason)
        return pooled


def pooled_in_cell(network: nn.Cell) -> PooledNetwork | None:
    """Find the parts in a network of this project, without adapters; None where it ends otherwise."""
    import mindspore as ms

    from netzoo.heads import DenseHead

    head, pooled_backbone = (getattr(network, name, None) for name in ("head", "pooled_backbone"))
    if not isinstance(head, DenseHead) or pooled_backbone is None:
        return None
    backbone = pooled_backbone.backbone

    def features(pictures: np.ndarray) -> np.ndarray:
        maps: np.ndarray = backbone(ms.Tensor(pictures)).asnumpy()
        return maps

    return PooledNetwork(features, head.dense.weight.asnumpy(), head.dense.bias.asnumpy())


def open_pooled(model: bytes, threads: int | None = None) -> tuple[OnnxNetwork, PooledNetwork | None]:
    """Open an ONNX file with one output, and find the parts in it; None where it ends otherwise.

    Args:
        model: the file's bytes.
        threads: of one call; None takes all cores.

    Returns:
        The network and its parts, which compute in one session.
    """
    import onnx

    graph = onnx.load_from_string(model)
    makers = {name: node for node in graph.graph.node for name in node.output}
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.graph.initializer}
    linear = makers.get(graph.graph.output[0].name)
    if linear is None or not _is_linear(linear) or not set(linear.input[1:]) <= set(constants):
        return OnnxNetwork(model, threads), None
    mean = makers.get(linear.input[0])
    if mean is None or not _is_mean_over_maps(mean, constants):
        return OnnxNetwork(model, threads), None
    maps = mean.input[0]
    graph.graph.output.append(onnx.helper.make_tensor_value_info(maps, onnx.TensorProto.FLOAT, None))
    network = OnnxNetwork(graph.SerializeToString(), threads)
    return network, PooledNetwork(network.ending_at(maps), *(constants[name] for name in linear.input[1:3]))


def _attributes(node: NodeProto) -> dict[str, object]:
    import onnx

    return {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}


def _is_linear(node: NodeProto) -> bool:
    """Whether a node is x @ weight.T + bias."""
    plain = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
    return node.op_type == "Gemm" and len(node.input) == 3 and plain | _attributes(node) == {**plain, "transB": 1}


def _is_mean_over_maps(node: NodeProto, constants: dict[str, np.ndarray]) -> bool:
    """Whether a node is the mean over height and width; the axes are an input from ONNX's opset 18 on."""
    attributes = _attributes(node)
    axes = attributes.get("axes") or (constants[node.input[1]].tolist() if len(node.input) > 1 else None)
    return node.op_type == "ReduceMean" and axes == [2, 3] and attributes.get("keepdims", 1) == 0
