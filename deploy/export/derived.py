"""Model files made from the float32 ONNX file: half precision, int8, and preprocessing inside the graph."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from PIL import Image

from datazoo.pictures import PictureSet
from datazoo.pipeline.decode import decode_file
from datazoo.pipeline.pillow_path import preprocess
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.manifest import Latency, Parity, TensorInfo
from deploy.export import onnx_picture, quantize
from deploy.export.latency import compare_latency
from deploy.export.onnx_mend import BATCH, INPUT_NAME
from deploy.export.parity import Reference, measure
from deploy.export.request import Subject

CALIBRATION_PICTURES = 256
LARGEST_LOSS = 0.02
"""Accuracy that a smaller file may lose and still be worth shipping."""
PICTURE_TOLERANCE = 0.05
"""Of outputs with the preprocessing inside: resizing may round one pixel value in 500 to the next grey level."""


@dataclass(frozen=True)
class Derived:
    """A derived file, proven and measured."""

    precision: Literal["float32", "float16", "int8"]
    preprocessing: Literal["outside", "inside"]
    input: TensorInfo
    opset: int | None
    mended: tuple[str, ...]
    parity: Parity
    latency: Latency | None = None
    refused: str | None = None
    runtime: Literal["onnxruntime", "mindspore_lite"] = "onnxruntime"
    batch: int | None = None


def derive(name: str, base: Path, path: Path, subject: Subject) -> Derived:
    """Write one derived file and measure it.

    Args:
        name: onnx_fp16, onnx_int8 or onnx_picture.
        base: float32 ONNX file with a free batch.
        path: file to write.
        subject: the network, and what its files are proven against.
    """
    if name == "onnx_picture":
        return _with_preprocessing(base, path, subject)
    if name == "onnx_int8":
        mended = quantize.to_int8(base, path, calibration_inputs(subject.train, subject.spec))
    else:
        mended = quantize.to_float16(base, path)
    reference = subject.reference
    parity = measure(path, reference, None, None)
    example = np.load(reference.inputs, mmap_mode="r")[:1]
    return Derived(
        precision="int8" if name == "onnx_int8" else "float16",
        preprocessing="outside",
        input=TensorInfo(name=INPUT_NAME, dtype="float32", shape=(BATCH, *example.shape[1:]), layout="NCHW"),
        opset=onnx.load(path).opset_import[0].version,
        mended=mended,
        parity=parity,
        latency=compare_latency(path, base, np.asarray(example)),
        refused=not_worth_shipping(reference, parity),
    )


def not_worth_shipping(reference: Reference, parity: Parity) -> str | None:
    """Why a smaller file is left out, or None."""
    loss = reference.accuracy.top1 - parity.accuracy.top1
    return f"not worth shipping: accuracy falls by {100 * loss:.1f} points" if loss > LARGEST_LOSS else None


def _with_preprocessing(base: Path, path: Path, subject: Subject) -> Derived:
    onnx.save(onnx_picture.with_preprocessing(onnx.load(base), subject.spec), path)
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        for place, image in enumerate(rgb_pictures(subject.proof)):
            np.save(Path(folder) / f"{place:08d}.npy", np.asarray(image))
        parity = measure(path, subject.reference, None, PICTURE_TOLERANCE, inputs=Path(folder))
    return Derived(
        precision="float32",
        preprocessing="inside",
        input=TensorInfo(name=onnx_picture.INPUT_NAME, dtype="uint8", shape=("height", "width", 3), layout="HWC RGB"),
        opset=onnx_picture.OPSET,
        mended=("resize, crop, normalisation and layout are in the graph; opset raised for the antialiased Resize",),
        parity=parity,
        batch=1,
    )


def calibration_inputs(train: PictureSet, spec: PreprocessingSpec) -> Iterator[np.ndarray]:
    """Preprocessed training pictures (C, H, W), evenly spread over the set and so over the classes."""
    return (preprocess(image, spec) for image in rgb_pictures(calibration_pictures(train)))


def calibration_pictures(train: PictureSet) -> PictureSet:
    """At most `CALIBRATION_PICTURES` of the set, evenly spread."""
    return train.subset(range(0, len(train), max(1, -(-len(train) // CALIBRATION_PICTURES))))


def rgb_pictures(pictures: PictureSet) -> Iterator[Image.Image]:
    """Decode a set one by one, by the rule of `datazoo.pipeline.decode`."""
    if pictures.arrays is not None:
        for array in pictures.arrays:
            yield Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array).convert("RGB")
    for path in pictures.paths or ():
        yield decode_file(path)
