"""Features by frozen layers: onnxruntime on a CPU, after its output was compared with MindSpore's."""

from __future__ import annotations

import hashlib
import logging

import mindspore as ms
import numpy as np
import onnxruntime
from mindspore import nn

from common.mindspore_paths import plain_folder
from kernels.cells import BatchNorm2d, DepthwiseConv2d
from netzoo.compiled import forget_compiled_graphs

logger = logging.getLogger(__name__)

# Both compute float32 in another order: measured differences are below 1e-4 on features of scale 1 to 6.
TOLERANCE = 1e-3


def extractor_id(layers: nn.Cell, backend: str) -> str:
    """SHA-256 over every weight of the frozen layers, its name and shape, every stride, and what computes them."""
    digest = hashlib.sha256(backend.encode())
    for _, cell in layers.cells_and_names():
        if isinstance(cell, nn.Conv2d):  # whose weights have the same shape at every stride
            digest.update(f"{cell.stride}{cell.padding}{cell.dilation}{cell.group}".encode())
        if isinstance(cell, DepthwiseConv2d | BatchNorm2d):  # which add in another order than MindSpore's
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
        self._session: onnxruntime.InferenceSession | None = None

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Features of one batch."""
        if self._backend == "onnxruntime" and self._session is None:
            self._session = self._export(pictures)
            self._compare(pictures[:4])
        return self._onnxruntime(pictures) if self._backend == "onnxruntime" else self._mindspore(pictures)

    def _mindspore(self, pictures: np.ndarray) -> np.ndarray:
        self._layers.set_train(False)
        return self._layers(ms.Tensor(pictures)).asnumpy()

    def _onnxruntime(self, pictures: np.ndarray) -> np.ndarray:
        assert self._session is not None
        features: np.ndarray = self._session.run(None, {"image": pictures})[0]
        return features

    def _export(self, pictures: np.ndarray) -> onnxruntime.InferenceSession:
        self._layers.set_train(False)
        forget_compiled_graphs(self._layers)  # the exporter changes the graph it finds, a second export fails on it
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # MindSpore writes the batch of 1 into the output's shape; ORT warns each call
        if self._threads:
            options.intra_op_num_threads = self._threads
        with plain_folder() as folder:
            file = folder / "layers.onnx"
            ms.onnx.export(
                self._layers,
                ms.Tensor(pictures[:1]),
                file_name=str(file),
                input_names=["image"],
                output_names=["features"],
                dynamic_axes={"image": {0: "batch"}},
            )
            return onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])

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
