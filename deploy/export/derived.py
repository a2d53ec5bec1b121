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
from deploy.export import onnx_picture
from deploy.export.choice import Judged, choose_int8, judge
from deploy.export.latency import compare_latency
from deploy.export.onnx_mend import BATCH, INPUT_NAME
from deploy.export.parity import measure
from deploy.export.quantize import Int8Quantiser, to_float16
from deploy.export.request import Subject

CALIBRATION_PICTURES = 256
PICTURE_TOLERANCE = 0.05
"""Of outputs with the preprocessing inside: resizing may round one pixel value in 500 to the next grey level."""


@dataclass(frozen=True)
class Derived:
    """A derived file, proven and measured; a smaller one that was refused is judged and not proven."""

    precision: Literal["float32", "float16", "int8"]
    preprocessing: Literal["outside", "inside"]
    input: TensorInfo
    opset: int | None
    mended: tuple[str, ...]
    parity: Parity
    latency: Latency | None = None
    judged: Judged | None = None
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
    reference, validation = subject.reference, subject.validation
    if name == "onnx_int8":
        with tempfile.TemporaryDirectory(prefix="int8-") as folder:
            inputs = calibration_inputs(subject.train, subject.spec)
            quantiser = Int8Quantiser(base, Path(folder), inputs)
            judged = choose_int8(base, path, quantiser, quantiser.write_but, validation, subject.sensitivity)
    else:
        judged = judge(path, to_float16(base, path), validation)
    example = np.load(reference.inputs, mmap_mode="r")[:1]
    return Derived(
        precision="int8" if name == "onnx_int8" else "float16",
        preprocessing="outside",
        input=TensorInfo(name=INPUT_NAME, dtype="float32", shape=(BATCH, *example.shape[1:]), layout="NCHW"),
        opset=onnx.load(path).opset_import[0].version,
        mended=judged.mended,
        parity=proof_of(path, judged, subject),
        latency=compare_latency(path, base, np.asarray(example)),
        judged=judged,
    )


def proof_of(path: Path, judged: Judged, subject: Subject) -> Parity:
    """A smaller file's answers on the pictures of the proof, which may be those that it was chosen on."""
    if judged.refused or subject.validation is subject.reference:
        return judged.parity
    return measure(path, subject.reference, None, None)


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
    """Decode a set one by one, by the rule of `common.decode`."""
    if pictures.arrays is not None:
        for array in pictures.arrays:
            yield Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array).convert("RGB")
    for path in pictures.files or ():
        yield decode_file(path)
