"""A classifier out of whatever holds a trained network: a run, a checkpoint, a bundle or one file of a bundle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from common.environment import check_numbers
from common.errors import BundleError
from common.names import printable
from common.onnx_session import OnnxNetwork
from deploy.bundle.bundle import Bundle, read_bundle
from deploy.bundle.manifest import MANIFEST
from deploy.export.mindir_runtime import open_runtime
from deploy.use.classifier import Classifier
from deploy.use.fitting import check_declaration, check_input, proven
from deploy.use.runtimes import Runtime
from engine.run.checkpoint_flags import file_behind

if TYPE_CHECKING:
    from mindspore import nn


def open_classifier(
    source: Path, model: str | None = None, batch_size: int = 16, threads: int | None = None
) -> Classifier:
    """Open a network.

    Args:
        source: run folder, checkpoint file, bundle, or a model file inside a bundle.
        model: which model of a bundle, such as `mindir` or `onnx_int8`.
        batch_size: pictures per call of MindSpore, which compiles for one size.
        threads: of one call of onnxruntime; None takes all cores.

    Raises:
        BundleError: not one of these, or damaged.
        ConfigError: an environment variable that must be a number is none.
        RunError: a run or checkpoint that cannot be used.
    """
    check_numbers(os.environ)
    if source.suffix in (".onnx", ".mindir", ".ms") and source.is_file():
        return _of_file(source, batch_size, threads)
    if (source / MANIFEST).is_file():
        return _of_bundle(read_bundle(source), model, batch_size, threads)
    if model is not None:
        raise BundleError(f"{source} is not a bundle, so there is no model {model!r} to choose in it")
    if (source / "checkpoints").is_dir():
        source = source / "checkpoints" / "best.ckpt"
    if source.suffix == ".ckpt":
        return _of_checkpoint(file_behind(source), batch_size, threads)
    raise BundleError(
        f"{source}: {'nothing to predict with' if source.exists() else 'no such file or folder'}; "
        "name a run folder of train.py, a .ckpt file or a bundle of export.py"
    )


def _of_file(file: Path, batch_size: int, threads: int | None) -> Classifier:
    bundle = read_bundle(file.parent)
    names = [name for name, entry in bundle.manifest.models.items() if entry.file == file.name]
    if not names:
        raise BundleError(f"{file}: the bundle's {MANIFEST} does not list it")
    return _of_bundle(bundle, names[0], batch_size, threads)


def _of_bundle(bundle: Bundle, model: str | None, batch_size: int, threads: int | None) -> Classifier:
    name, entry = bundle.model(model)
    check_declaration(bundle, entry)
    if entry.runtime == "mindspore":
        _prepare_mindspore()
        _start_mindspore()
    spec = bundle.preprocessing
    picture_shape = (spec.channels, spec.image_size, spec.image_size)
    runtime = open_runtime(bundle.path / entry.file, entry.batch, threads, picture_shape)
    check_input(bundle, entry, runtime)
    classifier = Classifier(
        origin=f"{printable(bundle.path.resolve().name)} ({name})",
        runtime=runtime,
        classes=bundle.classes,
        spec=spec,
        kind=bundle.manifest.output_kind,
        batch_size=None if entry.runtime == "onnxruntime" or entry.batch else batch_size,
        takes_pictures=entry.preprocessing == "inside",
        takes_turns=entry.runtime != "onnxruntime",
    )
    return proven(classifier, f"bundle {bundle.path}: {entry.file}")


def _of_checkpoint(checkpoint: Path, batch_size: int, threads: int | None) -> Classifier:
    _prepare_mindspore()
    from engine.jobs.inference import open_network

    opened = open_network(checkpoint, start_mindspore=_start_mindspore)
    sidecar, cell = opened.sidecar, opened.cell
    return Classifier(
        origin=f"{printable(checkpoint)} (epoch {sidecar.epoch})",
        runtime=OnnxNetwork(opened.model, threads) if cell is None else _in_mindspore(cell),
        classes=sidecar.classes,
        spec=opened.spec,
        kind=opened.kind,
        batch_size=None if cell is None else batch_size,
        takes_turns=cell is not None,
    )


def _in_mindspore(cell: nn.Cell) -> Runtime:
    import mindspore as ms

    return lambda batch: cell(ms.Tensor(batch)).asnumpy()


def _prepare_mindspore() -> None:
    from engine.config.runtime_section import RuntimeConfig
    from engine.runtime.environment import prepare_environment

    prepare_environment(RuntimeConfig())


def _start_mindspore() -> None:
    from engine.config.runtime_section import RuntimeConfig
    from engine.runtime.start import start_runtime

    start_runtime(RuntimeConfig(), seed=0)
