"""Features by frozen layers: onnxruntime on a CPU, after its output was compared with MindSpore's."""

from __future__ import annotations

import hashlib
import logging

import mindspore as ms
import numpy as np
from mindspore import nn

from common.onnx_session import OnnxNetwork
from engine.jobs.onnx_export import export_onnx
from kernels.cells import BatchNorm2d, DepthwiseConv2d, SmallConv2d

logger = logging.getLogger(__name__)

# Both compute float32 in another order: measured differences are below 1e-4 on features of scale 1 to 6.
TOLERANCE = 1e-3


def extractor_id(layers: nn.Cell, backend: str) -> str:
    """SHA-256 over every weight of the frozen layers, its name and shape, every stride, and what computes them."""
    digest = hashlib.sha256(backend.encode())
    for _, cell in layers.cells_and_names():
        if isinstance(cell, nn.Conv2d):  # whose weights have the same shape at every stride
            digest.update(f"{cell.stride}{cell.padding}{cell.dilation}{cell.group}".encode())
        if isinstance(cell, DepthwiseConv2d | SmallConv2d | BatchNorm2d):  # which add in another order than MindSpore's
            digest.update(b"kernels")
    for parameter in layers.get_parameters():
        digest.update(f"{parameter.name}{parameter.shape}".encode())
        digest.update(np.ascontiguousarray(parameter.asnumpy()).tobytes())
    return digest.hexdigest()


class FeatureExtractor:
    """Maps pictures (B, C, H, W) to features (B, ...), both float32; nothing is built before the first call.

    Args:
        layers: cell from pictures to features: a whole backbone with its pooling, or the front of one.
        backend: `onnxruntime` or `mindspore`.
        threads: threads of onnxruntime; None takes all cores.
    """

    def __init__(self, layers: nn.Cell, backend: str, threads: int | None = None) -> None:
        self._layers = layers
        self._backend = backend
        self._threads = threads
        self._network: OnnxNetwork | None = None

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Features of one batch."""
        if self._backend == "onnxruntime" and self._network is None:
            self._network = OnnxNetwork(export_onnx(self._layers, pictures[:1]), self._threads)
            self._compare(pictures[:4])
        return self._onnxruntime(pictures) if self._backend == "onnxruntime" else self._mindspore(pictures)

    def _mindspore(self, pictures: np.ndarray) -> np.ndarray:
        self._layers.set_train(False)
        return self._layers(ms.Tensor(pictures)).asnumpy()

    def _onnxruntime(self, pictures: np.ndarray) -> np.ndarray:
        assert self._network is not None
        return self._network(pictures)

    def _compare(self, pictures: np.ndarray) -> None:
        difference = float(np.abs(self._onnxruntime(pictures) - self._mindspore(pictures)).max())
        if difference <= TOLERANCE:
            logger.info("features by onnxruntime: equal to MindSpore's to %.1e on a first batch", difference)
            return
        logger.warning(
            "features by onnxruntime differ from MindSpore's by %.1e (more than %.0e): MindSpore computes them, slower",
            difference,
            TOLERANCE,
        )
        self._backend = "mindspore"
