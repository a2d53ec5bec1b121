"""From a checkpoint to a bundle: write each format, prove it, then put the folder in place."""

from __future__ import annotations

import logging
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from mindspore import nn

from common.errors import BundleError, ParityError
from common.files import write_json
from datazoo.pictures import PictureSet
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.bundle import hash_files, new_bundle
from deploy.bundle.contents import labels_problem
from deploy.bundle.labels import write_labels
from deploy.bundle.manifest import LABELS, MANIFEST, PREPROCESSING, README, Checkpoint, Manifest
from deploy.export import fold, formats, parity
from deploy.export.handover import write_handover
from deploy.export.lite_readers import lite_readers
from deploy.export.readme import readme_text
from deploy.export.request import ExportRequest, Subject
from deploy.export.writer import Writer, accuracy_text, output_kind, picture_shape
from engine.jobs.restore import restore_network
from engine.run.checkpoint import Sidecar
from netzoo.lora import merge_lora

logger = logging.getLogger(__name__)


def export_bundle(
    target: Path, request: ExportRequest, proof: PictureSet, train: PictureSet, validation: PictureSet | None = None
) -> Manifest:
    """Write a bundle.

    Args:
        target: folder to make.
        request: what to export.
        proof: pictures of the parity proof.
        train: pictures that int8 is calibrated on.
        validation: pictures that smaller files are chosen on; None takes those of the proof, if they are of val.

    Raises:
        BundleError: a format that cannot be written, class names that cannot be listed, smaller files without pictures
            to choose them on, or `target` exists.
        ParityError: a file does not compute what the network computes, or no format is worth shipping; nothing is left
            behind.
    """
    formats.check_formats(request.formats, request.device)
    chosen_on = _choosing_pictures(request, proof, validation)
    with new_bundle(target) as folder, tempfile.TemporaryDirectory(prefix="export-") as scratch:
        trained, sidecar = _restore(request.checkpoint)
        spec = _portable_preprocessing(request.checkpoint, sidecar)
        reference = parity.compute_reference(trained, proof, spec, Path(scratch))
        logger.info("trained network: %s", accuracy_text(reference.accuracy))
        network, merged, folded = inference_network(request.checkpoint, spec if request.fold_batch_norm else None)
        judge = reference
        if chosen_on is not None and chosen_on is not proof:
            judge = parity.compute_reference(trained, chosen_on, spec, Path(scratch, "validation"))
        subject = Subject(network, len(sidecar.classes), spec, reference, proof, train, judge, request.sensitivity)
        writer = Writer(folder, Path(scratch), request, subject)
        writer.write_all()
        _refuse_nothing(writer)
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
            validation=judge.accuracy if chosen_on is not None else None,
            leaking_split=request.leaking,
            models=writer.models,
            refused=writer.refused,
            sensitivity=writer.sensitivity,
            versions={name: version(name) for name in ("mindspore", "onnx", "onnxruntime", "numpy", "pillow")},
            git_commit=request.git_commit,
            lite_readers=lite_readers(folder, writer.models),
            files={},
        )
        write_handover(folder, manifest, spec, train)
        (folder / README).write_text(readme_text(manifest, target), encoding="utf-8")
        manifest = manifest.model_copy(update={"files": hash_files(folder)})
        write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return manifest


def _restore(checkpoint: Path) -> tuple[nn.Cell, Sidecar]:
    """The trained network, if its class names can be listed in a file."""
    trained, sidecar = restore_network(checkpoint)
    if problem := labels_problem(sidecar.classes):
        raise BundleError(f"the class names of {checkpoint} fit in no {LABELS}: {problem}")
    return trained, sidecar


def _portable_preprocessing(checkpoint: Path, sidecar: Sidecar) -> PreprocessingSpec:
    """What turns a picture into input, if every format can do it."""
    spec = PreprocessingSpec.model_validate(sidecar.preprocessing)
    if spec.interpolation != "bicubic":
        raise BundleError(
            f"{checkpoint} was trained with data.preprocessing.interpolation {spec.interpolation}, "
            "which not every exported format has; train with bicubic"
        )
    return spec


def _choosing_pictures(request: ExportRequest, proof: PictureSet, validation: PictureSet | None) -> PictureSet | None:
    """The pictures that smaller files are chosen on, if there are such files."""
    if not request.judged:
        return None
    if validation is None and proof.split != "val":
        raise BundleError(f"{', '.join(request.judged)}: chosen on validation pictures only, and none are given")
    return proof if validation is None else validation


def _refuse_nothing(writer: Writer) -> None:
    """A bundle holds a model."""
    if not writer.models:
        reasons = "; ".join(f"{name}: {refused.reason}" for name, refused in writer.refused.items())
        raise ParityError(f"no bundle was written, because no format of it is left ({reasons})")


def inference_network(checkpoint: Path, fold_for: PreprocessingSpec | None) -> tuple[nn.Cell, int, int]:
    """Restore the network as it is exported: adapters merged, BatchNorm folded where wanted, dropout off.

    Args:
        checkpoint: the weights.
        fold_for: the preprocessing of the input with which BatchNorm is folded; None folds nothing.

    Returns:
        The network, the number of merged adapters and of folded BatchNorm layers.
    """

    def restored() -> tuple[nn.Cell, int]:
        network, sidecar = restore_network(checkpoint)
        merged = merge_lora(network) if sidecar.lora else 0
        network.set_train(False)
        return network, merged

    network, merged = restored()
    if fold_for is None:
        return network, merged, 0
    graph = formats.raw_onnx(network, picture_shape(fold_for), "output").graph
    network, merged = restored()  # anew: a compiled network would not notice the change
    folded = fold.fold_batch_norms(network, fold.foldable_pairs(graph))
    logger.info("BatchNorm: %d layers folded into convolutions", folded)
    return network, merged, folded
