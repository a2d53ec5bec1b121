"""From a checkpoint to a bundle: write each format, prove it, then put the folder in place."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
from mindspore import nn

from common.files import write_json
from datazoo.pictures import PictureSet
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.bundle import hash_files, new_bundle
from deploy.bundle.labels import write_labels
from deploy.bundle.manifest import (
    FILE_NAMES,
    MANIFEST,
    PREPROCESSING,
    README,
    Accuracy,
    Checkpoint,
    Manifest,
    ModelFile,
    OutputKind,
    Parity,
    Refused,
    TensorInfo,
)
from deploy.export import fold, formats, onnx_mend, parity
from deploy.export.derived import Derived, derive
from deploy.export.handover import write_handover
from deploy.export.readme import readme_text
from engine.jobs.restore import restore_network
from engine.run.checkpoint import Sidecar
from netzoo.lora import merge_lora

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportRequest:
    """What is to be exported and how.

    Args:
        checkpoint: the weights.
        formats: keys of `manifest.FILE_NAMES`.
        batch: fixed batch size, or None for a free one.
        fold_batch_norm: fold BatchNorm layers into convolutions.
        tolerance: largest difference of an output from the trained network's.
        local_names: class names in other languages, by language code.
        device: where MindSpore runs.
        git_commit: of this project.
        leaking: whether training pictures are in the split of the proof.
    """

    checkpoint: Path
    formats: tuple[str, ...]
    batch: int | None = None
    fold_batch_norm: bool = False
    tolerance: float = parity.TOLERANCE
    local_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    device: str = "CPU"
    git_commit: str | None = None
    leaking: bool = False


def export_bundle(target: Path, request: ExportRequest, proof: PictureSet, train: PictureSet) -> Manifest:
    """Write a bundle.

    Args:
        target: folder to make.
        request: what to export.
        proof: pictures of the parity proof.
        train: pictures that int8 is calibrated on.

    Raises:
        BundleError: a format that cannot be written, or `target` exists.
        ParityError: a file does not compute what the network computes; nothing is left behind.
    """
    formats.check_formats(request.formats, request.device)
    with new_bundle(target) as folder, tempfile.TemporaryDirectory(prefix="export-") as scratch:
        trained, sidecar = restore_network(request.checkpoint)
        spec = PreprocessingSpec.model_validate(sidecar.preprocessing)
        reference = parity.compute_reference(trained, proof, spec, Path(scratch))
        logger.info("trained network: %s", _accuracy_text(reference.accuracy))
        network, merged, folded = inference_network(request.checkpoint, request.fold_batch_norm)
        writer = _Writer(folder, Path(scratch), request, network, sidecar, spec, reference, proof)
        writer.write_all(train)
        write_labels(folder, sidecar.classes, request.local_names)
        write_json(folder / PREPROCESSING, spec.model_dump(mode="json"))
        manifest = Manifest(
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            network=sidecar.model,
            num_classes=len(sidecar.classes),
            output_kind=output_kind(trained),
            merged_adapters=merged,
            folded_batch_norms=folded,
            checkpoint=Checkpoint(file=request.checkpoint.resolve().name, epoch=sidecar.epoch, sha256=sidecar.sha256),
            accuracy=reference.accuracy,
            leaking_split=request.leaking,
            models=writer.models,
            refused=writer.refused,
            versions={name: version(name) for name in ("mindspore", "onnx", "onnxruntime", "numpy", "pillow")},
            git_commit=request.git_commit,
            files={},
        )
        write_handover(folder, manifest, spec, train)
        (folder / README).write_text(readme_text(manifest, target), encoding="utf-8")
        manifest = manifest.model_copy(update={"files": hash_files(folder)})
        write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return manifest


def inference_network(checkpoint: Path, fold_batch_norm: bool) -> tuple[nn.Cell, int, int]:
    """Restore the network as it is exported: adapters merged, BatchNorm folded where wanted, dropout off.

    Args:
        checkpoint: the weights.
        fold_batch_norm: fold.

    Returns:
        The network, the number of merged adapters and of folded BatchNorm layers.
    """

    def restored() -> tuple[nn.Cell, int]:
        network, sidecar = restore_network(checkpoint)
        merged = merge_lora(network) if sidecar.lora else 0
        network.set_train(False)
        return network, merged

    network, merged = restored()
    if not fold_batch_norm:
        return network, merged, 0
    spec = PreprocessingSpec.model_validate(restore_network(checkpoint)[1].preprocessing)
    graph = formats.raw_onnx(network, picture_shape(spec), "output").graph
    network, merged = restored()  # anew: a compiled network would not notice the change
    folded = fold.fold_batch_norms(network, fold.foldable_pairs(graph))
    logger.info("BatchNorm: %d layers folded into convolutions", folded)
    return network, merged, folded


def output_kind(network: nn.Cell) -> OutputKind:
    """What a network gives at inference: logits, or its head's activation."""
    kinds: dict[str, OutputKind] = {"none": "logits", "softmax": "softmax", "sigmoid": "sigmoid"}
    return kinds[getattr(network, "activation", "none")]


def picture_shape(spec: PreprocessingSpec) -> tuple[int, int, int]:
    """Shape (C, H, W) of the network's input."""
    return spec.channels, spec.image_size, spec.image_size


class _Writer:
    """Writes and proves the model files of one bundle."""

    def __init__(
        self,
        folder: Path,
        scratch: Path,
        request: ExportRequest,
        network: nn.Cell,
        sidecar: Sidecar,
        spec: PreprocessingSpec,
        reference: parity.Reference,
        proof: PictureSet,
    ) -> None:
        self.models: dict[str, ModelFile] = {}
        self.refused: dict[str, Refused] = {}
        self._folder = folder
        self._scratch = scratch
        self._request = request
        self._network = network
        self._spec = spec
        self._reference = reference
        self._proof = proof
        self._output = "logits" if output_kind(network) == "logits" else "probabilities"
        self._num_classes = len(sidecar.classes)

    def write_all(self, train: PictureSet) -> None:
        """Write the formats of the request, in its order."""
        base = self._scratch / "base.onnx"
        mended: tuple[str, ...] = ()
        if any(name.startswith("onnx") for name in self._request.formats):
            mended = formats.export_onnx(self._network, picture_shape(self._spec), base, self._output)
        for name in self._request.formats:
            path = self._folder / FILE_NAMES[name]
            if name in ("mindir", "air"):
                self._write_mindspore(name, path)
            elif name == "onnx":
                self._write_onnx(base, path, mended)
            else:
                self._write_derived(name, base, path, train)

    def _write_mindspore(self, name: str, path: Path) -> None:
        write = formats.export_mindir if name == "mindir" else formats.export_air
        write(self._network, picture_shape(self._spec), self._request.batch, path)
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
            proof = parity.measure(path, self._reference, batch, self._request.tolerance)
            parity.check(name, proof)
            logger.info("%s: %s", name, parity_text(proof))
        else:
            logger.warning("%s: no runtime here can load it, so nothing is proven about it", name)
        size: int | str = "batch" if batch is None else batch
        self.models[name] = ModelFile(
            file=path.name,
            input=TensorInfo(name="image", dtype="float32", shape=(size, *picture_shape(self._spec)), layout="NCHW"),
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

    def _write_derived(self, name: str, base: Path, path: Path, train: PictureSet) -> None:
        result: Derived = derive(name, base, path, self._spec, self._proof, train, self._reference)
        parity.check(name, result.parity)
        if result.refused:
            self.refused[name] = Refused(reason=result.refused, size_bytes=path.stat().st_size, parity=result.parity)
            path.unlink()
            logger.warning("%s: left out, %s", name, result.refused)
            return
        logger.info("%s: %s%s", name, parity_text(result.parity), _latency_text(result))
        self.models[name] = ModelFile(
            file=path.name,
            runtime="onnxruntime",
            precision=result.precision,
            preprocessing=result.preprocessing,
            batch=1 if result.preprocessing == "inside" else None,
            input=result.input,
            output=self._output_info(1 if result.preprocessing == "inside" else "batch"),
            opset=result.opset,
            mended=result.mended,
            size_bytes=path.stat().st_size,
            parity=result.parity,
            latency=result.latency,
        )

    def _output_info(self, size: int | str) -> TensorInfo:
        return TensorInfo(name=self._output, dtype="float32", shape=(size, self._num_classes), layout="NC")


def parity_text(proof: Parity) -> str:
    """One line about a proof."""
    return (
        f"outputs differ from the trained network's by at most {proof.max_abs_diff:.1e} "
        f"(mean {proof.mean_abs_diff:.1e}), top-1 agrees on {proof.top1_agreement:.2%}; "
        + _accuracy_text(proof.accuracy)
    )


def _accuracy_text(accuracy: Accuracy) -> str:
    low, high = accuracy.interval
    return (
        f"{accuracy.split} top-1 {accuracy.top1:.2%} ({accuracy.correct} of {accuracy.n}, "
        f"95% interval {low:.2%} to {high:.2%})"
    )


def _latency_text(result: Derived) -> str:
    if result.latency is None:
        return ""
    return f"; {result.latency.milliseconds:.2f} ms, {result.latency.ratio:.2f} times the float32 file's"
