"""A checkpoint's network as it answers on a CPU: onnxruntime, once its answers were compared with MindSpore's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from pydantic import ValidationError

from common.errors import RunError
from common.names import printable
from common.onnx_session import OnnxNetwork
from datazoo.pipeline.pillow_path import to_tensor
from datazoo.pipeline.spec import PreprocessingSpec
from engine.run.checkpoint import Sidecar, verify
from engine.run.exported_networks import ExportedNetwork, ExportedNetworks, OutputKind, export_key
from netzoo.registry import PROJECT_BUILDERS, network_options

if TYPE_CHECKING:
    from mindspore import nn

logger = logging.getLogger(__name__)

TOLERANCE = 1e-3
"""Largest difference of an output that float32 in another order of additions explains, times their scale above 1."""


class NotExportable(Exception):
    """MindSpore has to compute the network; the message says why, in one line."""


@dataclass(frozen=True)
class InferenceNetwork:
    """A network at inference.

    Args:
        sidecar: of its checkpoint.
        spec: the preprocessing.
        kind: what its outputs are.
        model: the ONNX file's bytes; empty where MindSpore has to compute the network.
        cell: the network in MindSpore, where there is no `model`.
    """

    sidecar: Sidecar
    spec: PreprocessingSpec
    kind: OutputKind
    model: bytes = b""
    cell: nn.Cell | None = None


def open_network(
    checkpoint: Path,
    *,
    logits: bool = False,
    start_mindspore: Callable[[], object] = lambda: None,
    exports: ExportedNetworks | None = None,
) -> InferenceNetwork:
    """Open a checkpoint's network for onnxruntime: as it was exported before, or exported and compared now.

    Args:
        checkpoint: the `.ckpt` file, or a link to it; its sidecar stands beside it.
        logits: leave out the network's own activation, if it has one.
        start_mindspore: called before MindSpore is needed, for the export.
        exports: where exports are kept; None is the clone's cache.

    Raises:
        RunError: missing, damaged, or not one of train.py's.
    """
    sidecar = verify(checkpoint)
    spec = _preprocessing(checkpoint, sidecar)
    exports = exports or ExportedNetworks()
    key = export_key(sidecar, logits=logits)
    if (found := exports.find(key)) is not None:
        logger.info("network by onnxruntime: equal to MindSpore's to %.1e when it was exported", found.difference)
        return InferenceNetwork(sidecar, spec, found.kind, found.model)
    start_mindspore()
    try:
        made = _export(checkpoint, logits)
    except NotExportable as reason:
        logger.warning("network by MindSpore, which is slower than onnxruntime: %s", reason)
        return open_in_mindspore(checkpoint, logits=logits)
    logger.info("network by onnxruntime: equal to MindSpore's to %.1e on made pictures", made.difference)
    if network_options(sidecar.model).builder.startswith(PROJECT_BUILDERS):  # another project's code is not in the key
        exports.keep(key, made)
    return InferenceNetwork(sidecar, spec, made.kind, made.model)


def open_in_mindspore(checkpoint: Path, *, logits: bool = False) -> InferenceNetwork:
    """Open a checkpoint's network in MindSpore, which must be started.

    Args:
        checkpoint: see `open_network`.
        logits: see `open_network`.

    Raises:
        RunError: see `open_network`.
    """
    from engine.jobs.restore import restore_network
    from netzoo.classifier import logits_network

    network, sidecar = restore_network(checkpoint)
    kinds: dict[str, OutputKind] = {"softmax": "softmax", "sigmoid": "sigmoid"}
    kind = "logits" if logits else kinds.get(getattr(network, "activation", "none"), "logits")
    cell = logits_network(network) if logits else network
    return InferenceNetwork(sidecar, _preprocessing(checkpoint, sidecar), kind, cell=cell.set_train(False))


def _preprocessing(checkpoint: Path, sidecar: Sidecar) -> PreprocessingSpec:
    try:
        return PreprocessingSpec.model_validate(sidecar.preprocessing)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RunError(f"checkpoint {checkpoint}: the preprocessing in its sidecar, {where}: {first['msg']}") from error


def _export(checkpoint: Path, logits: bool) -> ExportedNetwork:
    import mindspore as ms

    from netzoo.lora import merge_lora

    opened = open_in_mindspore(checkpoint, logits=logits)
    assert opened.cell is not None
    pictures = made_pictures(opened.spec)
    expected = opened.cell(ms.Tensor(pictures)).asnumpy()
    if opened.sidecar.lora:
        merge_lora(opened.cell)
    model, outputs = to_onnx(opened.cell, pictures)
    difference = float(np.abs(outputs - expected).max()) if outputs.shape == expected.shape else float("inf")
    allowed = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    if not difference <= allowed:
        raise NotExportable(f"onnxruntime's answers differ by {difference:.1e} (more than {allowed:.0e})")
    return ExportedNetwork(model, opened.kind, difference)


def to_onnx(network: nn.Cell, pictures: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Export a network without adapters, and compute it once by onnxruntime.

    Args:
        network: pictures to outputs.
        pictures: float32 (B, C, H, W).

    Returns:
        The ONNX file's bytes, and its outputs for the pictures.

    Raises:
        NotExportable: MindSpore cannot export it, or onnxruntime not compute it.
    """
    from engine.jobs.onnx_export import export_onnx

    try:
        model = export_onnx(network, pictures[:1], fold=True)
        return model, OnnxNetwork(model)(pictures)
    except Exception as error:  # MindSpore's exporter and onnxruntime raise almost anything
        first = next((line.strip() for line in str(error).splitlines() if line.strip(" -")), type(error).__name__)
        raise NotExportable(f"it cannot be exported ({printable(first[:200])})") from error


def made_pictures(spec: PreprocessingSpec) -> np.ndarray:
    """Return network input to compare on, float32 (4, C, image_size, image_size): fine to coarse noise, a plane."""
    side, rng = spec.image_size, np.random.default_rng(0)
    squares = []
    for cells in (side, max(1, side // 4), max(1, side // 16), 1):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        squares.append(np.asarray(noise.resize((side, side), Image.Resampling.BICUBIC)))
    return to_tensor(np.stack(squares), spec)
