"""A classifier out of whatever holds a trained network: a run, a checkpoint, a bundle or one file of a bundle."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from common.environment import check_numbers
from common.errors import BundleError, RunError
from common.names import printable
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.bundle import Bundle, read_bundle
from deploy.bundle.contents import first_problem
from deploy.bundle.manifest import MANIFEST, OutputKind
from deploy.export.mindir_runtime import open_runtime
from deploy.use.classifier import Classifier
from deploy.use.fitting import check_declaration, check_input, proven


def open_classifier(source: Path, model: str | None = None, batch_size: int = 16) -> Classifier:
    """Open a network.

    Args:
        source: run folder, checkpoint file, bundle, or a model file inside a bundle.
        model: which model of a bundle, such as `mindir` or `onnx_int8`.
        batch_size: pictures per call of MindSpore, which compiles for one size.

    Raises:
        BundleError: not one of these, or damaged.
        ConfigError: an environment variable that must be a number is none.
        RunError: a run or checkpoint that cannot be used.
    """
    check_numbers(os.environ)
    if source.suffix in (".onnx", ".mindir", ".ms") and source.is_file():
        return _of_file(source, batch_size)
    if (source / MANIFEST).is_file():
        return _of_bundle(read_bundle(source), model, batch_size)
    if model is not None:
        raise BundleError(f"{source} is not a bundle, so there is no model {model!r} to choose in it")
    if (source / "checkpoints").is_dir():
        source = source / "checkpoints" / "best.ckpt"
    if source.suffix == ".ckpt":
        return _of_checkpoint(source, batch_size)
    raise BundleError(
        f"{source}: {'nothing to predict with' if source.exists() else 'no such file or folder'}; "
        "name a run folder of train.py, a .ckpt file or a bundle of export.py"
    )


def _of_file(file: Path, batch_size: int) -> Classifier:
    bundle = read_bundle(file.parent)
    names = [name for name, entry in bundle.manifest.models.items() if entry.file == file.name]
    if not names:
        raise BundleError(f"{file}: the bundle's {MANIFEST} does not list it")
    return _of_bundle(bundle, names[0], batch_size)


def _of_bundle(bundle: Bundle, model: str | None, batch_size: int) -> Classifier:
    name, entry = bundle.model(model)
    check_declaration(bundle, entry)
    if entry.runtime == "mindspore":
        _start_mindspore()
    spec = bundle.preprocessing
    picture_shape = (spec.channels, spec.image_size, spec.image_size)
    runtime = open_runtime(bundle.path / entry.file, entry.batch, picture_shape=picture_shape)
    check_input(bundle, entry, runtime)
    classifier = Classifier(
        origin=f"{printable(bundle.path.resolve().name)} ({name})",
        runtime=runtime,
        classes=bundle.classes,
        spec=spec,
        kind=bundle.manifest.output_kind,
        batch_size=None if entry.runtime == "onnxruntime" or entry.batch else batch_size,
        takes_pictures=entry.preprocessing == "inside",
    )
    return proven(classifier, f"bundle {bundle.path}: {entry.file}")


def _of_checkpoint(checkpoint: Path, batch_size: int) -> Classifier:
    _start_mindspore()
    import mindspore as ms

    from engine.jobs.restore import restore_network

    network, sidecar = restore_network(checkpoint)
    network.set_train(False)
    try:
        spec = PreprocessingSpec.model_validate(sidecar.preprocessing)
    except ValidationError as error:
        problem = first_problem(error)
        raise RunError(f"checkpoint {checkpoint}: the preprocessing in its sidecar, {problem}") from error
    activation: dict[str, OutputKind] = {"softmax": "softmax", "sigmoid": "sigmoid"}
    return Classifier(
        origin=f"{printable(checkpoint)} (epoch {sidecar.epoch})",
        runtime=lambda batch: network(ms.Tensor(batch)).asnumpy(),
        classes=sidecar.classes,
        spec=spec,
        kind=activation.get(getattr(network, "activation", "none"), "logits"),
        batch_size=batch_size,
    )


def _start_mindspore() -> None:
    from engine.config.runtime_section import RuntimeConfig
    from engine.runtime.environment import prepare_environment

    prepare_environment(RuntimeConfig())
    from engine.runtime.start import start_runtime

    start_runtime(RuntimeConfig(), seed=0)
