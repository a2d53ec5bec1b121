"""Writes the model files of a bundle and proves each."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import onnx
from mindspore import nn

from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.manifest import (
    FILE_NAMES,
    Accuracy,
    LayerSensitivity,
    ModelFile,
    OutputKind,
    Parity,
    Refused,
    TensorInfo,
)
from deploy.export import formats, onnx_mend, parity
from deploy.export.derived import Derived, derive
from deploy.export.lite_formats import derive_lite
from deploy.export.request import ExportRequest, Subject

logger = logging.getLogger(__name__)


def output_kind(network: nn.Cell) -> OutputKind:
    """What a network gives at inference: logits, or its head's activation."""
    kinds: dict[str, OutputKind] = {"none": "logits", "softmax": "softmax", "sigmoid": "sigmoid"}
    return kinds[getattr(network, "activation", "none")]


def picture_shape(spec: PreprocessingSpec) -> tuple[int, int, int]:
    """Shape (C, H, W) of the network's input."""
    return spec.channels, spec.image_size, spec.image_size


class Writer:
    """Writes and proves the model files of one bundle.

    Args:
        folder: of the bundle.
        scratch: for files that are not part of it.
        request: formats, batch size, tolerance.
        subject: the network.

    Attributes:
        models: what was written, by format.
        refused: what was measured and left out, by format.
        sensitivity: of the layers to int8, where it was found out.
    """

    def __init__(self, folder: Path, scratch: Path, request: ExportRequest, subject: Subject) -> None:
        self.models: dict[str, ModelFile] = {}
        self.refused: dict[str, Refused] = {}
        self.sensitivity: tuple[LayerSensitivity, ...] = ()
        self._folder = folder
        self._scratch = scratch
        self._request = request
        self._subject = subject
        self._picture_shape = picture_shape(subject.spec)
        self._output = "logits" if output_kind(subject.network) == "logits" else "probabilities"

    def write_all(self) -> None:
        """Write the formats of the request, in its order."""
        base = self._scratch / "base.onnx"
        mended: tuple[str, ...] = ()
        if any(name.startswith(("onnx", "ms")) for name in self._request.formats):
            mended = formats.export_onnx(self._subject.network, self._picture_shape, base, self._output)
        for name in self._request.formats:
            path = self._folder / FILE_NAMES[name]
            if name in ("mindir", "air"):
                self._write_mindspore(name, path)
            elif name == "onnx":
                self._write_onnx(base, path, mended)
            else:
                self._write_derived(name, base, path)

    def _write_mindspore(self, name: str, path: Path) -> None:
        write = formats.export_mindir if name == "mindir" else formats.export_air
        write(self._subject.network, self._picture_shape, self._request.batch, path)
        proven = name == "mindir"
        self._add(name, path, prove=proven, runtime="mindspore" if proven else "ascend")

    def _write_onnx(self, base: Path, path: Path, mended: tuple[str, ...]) -> None:
        model = onnx.load(base)
        if self._request.batch:
            onnx_mend.fix_batch(model, self._request.batch)
        onnx.save(model, path)
        self._add("onnx", path, mended=mended)

    def _add(self, name: str, path: Path, *, prove: bool = True, **details: Any) -> None:
        batch = self._request.batch
        proof = None
        if prove:
            proof = parity.measure(path, self._subject.reference, batch, self._request.tolerance)
            parity.check(name, proof)
            logger.info("%s: %s", name, parity_text(proof))
        else:
            logger.warning("%s: no runtime here can load it, so nothing is proven about it", name)
        size: int | str = "batch" if batch is None else batch
        self.models[name] = ModelFile(
            file=path.name,
            input=TensorInfo(name="image", dtype="float32", shape=(size, *self._picture_shape), layout="NCHW"),
            output=self._output_info(size),
            batch=batch,
            size_bytes=path.stat().st_size,
            parity=proof,
            **{
                "runtime": "onnxruntime",
                "precision": "float32",
                "preprocessing": "outside",
                "opset": 11 if path.suffix == ".onnx" else None,
                "mended": (),
                **details,
            },
        )

    def _write_derived(self, name: str, base: Path, path: Path) -> None:
        if name.startswith("ms"):
            result = derive_lite(name, base, path, self._subject, self._request.tolerance)
        else:
            result = derive(name, base, path, self._subject)
        parity.check(name, result.parity)
        judged = result.judged
        if judged and judged.sensitivity:
            self.sensitivity = judged.sensitivity
        if judged and judged.refused:
            self.refused[name] = Refused(reason=judged.refused, size_bytes=path.stat().st_size, parity=judged.parity)
            path.unlink()
            logger.warning("%s: left out, %s", name, judged.refused)
            return
        logger.info("%s: %s%s", name, parity_text(result.parity), _latency_text(result))
        self.models[name] = ModelFile(
            file=path.name,
            runtime=result.runtime,
            precision=result.precision,
            preprocessing=result.preprocessing,
            batch=result.batch,
            input=result.input,
            output=self._output_info(result.batch or "batch"),
            opset=result.opset,
            mended=result.mended,
            size_bytes=path.stat().st_size,
            parity=result.parity,
            validation=judged.parity if judged else None,
            latency=result.latency,
        )

    def _output_info(self, size: int | str) -> TensorInfo:
        return TensorInfo(name=self._output, dtype="float32", shape=(size, self._subject.num_classes), layout="NC")


def parity_text(proof: Parity) -> str:
    """One line about a proof."""
    return (
        f"outputs differ from the trained network's by at most {proof.max_abs_diff:.1e} "
        f"(mean {proof.mean_abs_diff:.1e}), top-1 agrees on {proof.top1_agreement:.2%}; "
        + accuracy_text(proof.accuracy)
    )


def accuracy_text(accuracy: Accuracy) -> str:
    """One line about an accuracy."""
    low, high = accuracy.interval
    return (
        f"{accuracy.split} top-1 {accuracy.top1:.2%} ({accuracy.correct} of {accuracy.n}, "
        f"95% interval {low:.2%} to {high:.2%})"
    )


def _latency_text(result: Derived) -> str:
    if result.latency is None:
        return ""
    return f"; {result.latency.milliseconds:.2f} ms, {result.latency.ratio:.2f} times the float32 file's"
