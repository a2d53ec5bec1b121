"""Writes the formats that MindSpore can write: MINDIR, ONNX (then mended) and, on an Ascend, AIR."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mindspore as ms
import onnx
from mindspore import nn

from common.errors import BundleError
from common.mindspore_paths import plain_folder, plain_target
from deploy.bundle.manifest import FILE_NAMES
from deploy.export import onnx_mend
from deploy.export.lite_convert import check_converter
from deploy.use.lite_environment import find_lite


def check_formats(formats: Sequence[str], device: str) -> None:
    """Refuse, before anything is computed, what cannot be written here.

    Raises:
        BundleError: an unknown format, AIR off an Ascend, or .ms where MindSpore Lite is not set up.
    """
    for name in formats:
        if name not in FILE_NAMES:
            raise BundleError(f"unknown format {name!r}; there are {', '.join(FILE_NAMES)}")
    if {"ms", "ms_fp16", "ms_int8"} & set(formats):
        check_converter(find_lite(), "int8" if "ms_int8" in formats else "fp32")
    if "air" in formats and device != "Ascend":
        raise BundleError(
            f"format air: MindSpore writes AIR with an Ascend's graph engine only, and this device is {device}; "
            "leave air out, or export on the Ascend (the MINDIR converts to OM there, too)"
        )


def export_mindir(net: nn.Cell, picture_shape: tuple[int, int, int], batch: int | None, path: Path) -> None:
    """Write a MINDIR.

    Args:
        net: network in inference mode.
        picture_shape: (C, H, W) of the input.
        batch: fixed batch size, or None for a free one.
        path: file to write, ending in .mindir.
    """
    example = (
        ms.Tensor(shape=(batch, *picture_shape), dtype=ms.float32) if batch is None else _zeros(batch, picture_shape)
    )
    with plain_target(path) as plain:
        ms.export(net, example, file_name=str(plain.with_suffix("")), file_format="MINDIR")
    path.chmod(0o644)


def export_air(net: nn.Cell, picture_shape: tuple[int, int, int], batch: int | None, path: Path) -> None:
    """Write an AIR file; its batch is always fixed (1 unless said otherwise). Same arguments as `export_mindir`."""
    with plain_target(path) as plain:
        ms.export(net, _zeros(batch or 1, picture_shape), file_name=str(plain.with_suffix("")), file_format="AIR")
    path.chmod(0o644)


def raw_onnx(net: nn.Cell, picture_shape: tuple[int, int, int], output: str) -> onnx.ModelProto:
    """Return the network as MindSpore exports it, with a free batch size; works once for a network.

    Args:
        net: network in inference mode.
        picture_shape: (C, H, W) of the input.
        output: name of the output.
    """
    with plain_folder() as folder:
        file = folder / "raw.onnx"
        ms.onnx.export(
            net,
            _zeros(1, picture_shape),
            file_name=str(file),
            input_names=[onnx_mend.INPUT_NAME],
            output_names=[output],
            dynamic_axes={onnx_mend.INPUT_NAME: {0: onnx_mend.BATCH}},
        )
        return onnx.load(file)


def export_onnx(net: nn.Cell, picture_shape: tuple[int, int, int], path: Path, output: str) -> tuple[str, ...]:
    """Write an ONNX file with a free batch size and return what was mended; arguments as for `raw_onnx`."""
    model = raw_onnx(net, picture_shape, output)
    mended = onnx_mend.mend(model)
    onnx.save(model, path)
    return mended


def _zeros(batch: int, picture_shape: tuple[int, int, int]) -> ms.Tensor:
    return ms.ops.zeros((batch, *picture_shape), ms.float32)
