"""Whether a bundle's model, labels and preprocessing belong together, found out before a picture is answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from common.errors import BundleError
from common.names import printable
from deploy.bundle.bundle import Bundle
from deploy.bundle.manifest import ModelFile
from deploy.use.classifier import NOT_FINITE, PROBABILITY_SLACK, Classifier
from deploy.use.runtimes import OnnxRuntime, Runtime

SUM_SLACK = 0.05
"""How far from 1 the probabilities of a softmax may add up, in half precision or integers."""
_SUFFIXES = {"onnxruntime": ".onnx", "mindspore": ".mindir", "mindspore_lite": ".ms", "ascend": ".air"}


def check_declaration(bundle: Bundle, entry: ModelFile) -> None:
    """Check what the manifest says about one model against the labels, the preprocessing and the file's kind.

    Raises:
        BundleError: they contradict each other.
    """
    where, spec = f"bundle {bundle.path}: {entry.file}", bundle.preprocessing
    if Path(entry.file).suffix != _SUFFIXES[entry.runtime]:
        raise BundleError(f"{where} is no file for {entry.runtime}, which the manifest names")
    if entry.runtime == "ascend":
        raise BundleError(f"{where} runs on an Ascend only; name another model with --format")
    if entry.preprocessing == "outside":
        side = spec.image_size
        # MindSpore Lite takes channels last: its convolutions are written for that.
        wanted = (side, side, spec.channels) if entry.runtime == "mindspore_lite" else (spec.channels, side, side)
        if entry.input.shape[1:] != wanted:
            raise BundleError(
                f"{where} takes {_shape(entry.input.shape)}, preprocessing.json makes {_shape(('batch', *wanted))}"
            )
    if len(entry.output.shape) != 2 or entry.output.shape[1] != len(bundle.classes):
        raise BundleError(f"{where} gives {_shape(entry.output.shape)} for {len(bundle.classes)} classes")
    if entry.runtime == "onnxruntime":
        from deploy.bundle.onnx_file import check_self_contained  # here: the package onnx takes a while to load

        check_self_contained(bundle.path, entry.file, frozenset(bundle.manifest.files))


def check_input(bundle: Bundle, entry: ModelFile, runtime: Runtime) -> None:
    """Check the input of an opened ONNX file against the preprocessing; a MINDIR tells nothing about its own.

    Raises:
        BundleError: the file takes something else.
    """
    if not isinstance(runtime, OnnxRuntime):
        return
    where, spec = f"bundle {bundle.path}: {entry.file}", bundle.preprocessing
    inside = entry.preprocessing == "inside"
    wanted = (None, None, 3) if inside else (None, spec.channels, spec.image_size, spec.image_size)
    if len(runtime.inputs) != 1:
        raise BundleError(f"{where} has {len(runtime.inputs)} inputs, not one")
    ((number, shape),) = runtime.inputs.values()
    fits = len(shape) == len(wanted) and all(
        not isinstance(size, int) or need is None or size == need for size, need in zip(shape, wanted, strict=True)
    )
    if not fits:
        raise BundleError(
            f"{where} takes {_shape(shape)}, preprocessing.json makes {_shape(('batch', *wanted[1:]))}"
            if not inside
            else f"{where} takes {_shape(shape)}, not a picture of any size"
        )
    if number != ("tensor(uint8)" if inside else "tensor(float)"):
        raise BundleError(f"{where} takes {number}, not {'uint8' if inside else 'float32'}")


def proven(classifier: Classifier, where: str) -> Classifier:
    """Ask a network about two made pictures and check that its outputs are what the bundle calls them.

    Args:
        classifier: as its bundle describes it.
        where: bundle and model, for the message.

    Returns:
        The classifier; `broken` says so if its outputs are not finite.

    Raises:
        BundleError: the network cannot be run, or its outputs are something else.
    """
    inputs = [classifier.prepare(picture) for picture in _probes(classifier)]
    try:
        outputs = classifier.outputs(inputs)
    except BundleError:
        raise
    except Exception as error:  # the runtimes' errors share no base class
        raise BundleError(f"{where} cannot be run on what preprocessing.json makes: {_first_line(error)}") from error
    if outputs.shape != (len(inputs), len(classifier.classes)):
        raise BundleError(f"{where} gives {_shape(outputs.shape[1:])} outputs for {len(classifier.classes)} labels")
    if outputs.dtype.kind != "f":
        raise BundleError(f"{where} gives {outputs.dtype} outputs, not floating-point numbers")
    if not np.isfinite(outputs).all():
        return replace(classifier, broken=NOT_FINITE)
    _check_kind(outputs.astype(np.float64), classifier.kind, where)
    return classifier


def _check_kind(outputs: np.ndarray, kind: str, where: str) -> None:
    in_range = bool(outputs.min() >= -PROBABILITY_SLACK and outputs.max() <= 1 + PROBABILITY_SLACK)
    off = float(np.abs(outputs.sum(1) - 1).max())
    if kind != "logits" and not in_range:
        raise BundleError(
            f"{where} gives outputs from {outputs.min():.3g} to {outputs.max():.3g}, "
            f"which are no {kind} probabilities as the manifest says"
        )
    if kind == "softmax" and off > SUM_SLACK:
        raise BundleError(f"{where} gives probabilities that do not sum to 1, which is no softmax as the manifest says")
    if kind == "logits" and in_range and outputs.min() >= 0 and off < 1e-5:
        raise BundleError(f"{where} gives probabilities, which are no logits as the manifest says")


def _probes(classifier: Classifier) -> list[Image.Image]:
    side = classifier.spec.image_size
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    return [Image.fromarray(noise), Image.new("RGB", (side, side), (0, 128, 255))]


def _first_line(error: Exception) -> str:
    return printable(
        next((line.strip()[:200] for line in str(error).splitlines() if line.strip()), type(error).__name__)
    )


def _shape(shape: tuple[int | str | None, ...]) -> str:
    return printable("x".join(str("any" if size is None else size)[:20] for size in shape[:8])) or "no"
