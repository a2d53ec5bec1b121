"""MindSpore Lite's .ms files as formats of a bundle: converted, then proven and measured like the others."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from deploy.bundle.manifest import TensorInfo
from deploy.export.choice import Judged, choose_int8, judge
from deploy.export.derived import Derived, calibration_inputs, proof_of
from deploy.export.handover import quantisation_config, write_calibration
from deploy.export.latency import lite_latency
from deploy.export.lite_convert import ModelSource, Variant, convert
from deploy.export.onnx_mend import INPUT_NAME
from deploy.export.parity import measure
from deploy.export.quantize import Int8Quantiser
from deploy.export.request import Subject
from deploy.use.lite_environment import LiteEnvironment, find_lite
from deploy.use.lite_runtime import LiteRuntime
from deploy.use.runtimes import OnnxRuntime

_VARIANTS: dict[str, tuple[Variant, Literal["float32", "float16", "int8"]]] = {
    "ms": ("fp32", "float32"),
    "ms_fp16": ("fp16", "float16"),
    "ms_int8": ("int8", "int8"),
}


def derive_lite(name: str, base: Path, path: Path, subject: Subject, tolerance: float) -> Derived:
    """Write one .ms file and measure it.

    Args:
        name: ms, ms_fp16 or ms_int8.
        base: float32 ONNX file with a free batch.
        path: file to write.
        subject: the network, and what its files are proven against.
        tolerance: largest difference of the float32 file's outputs; the others' accuracy decides.

    Raises:
        LiteError: Lite cannot convert the network.
    """
    variant, precision = _VARIANTS[name]
    environment = find_lite()
    spec = subject.spec
    shape = (spec.channels, spec.image_size, spec.image_size)
    mended: tuple[str, ...] = (f"converted by mindspore-lite {environment.version}",)
    judged = None
    if name == "ms_int8":
        judged = _choose_int8(base, path, subject, environment)
        mended = judged.mended
    else:
        convert(environment, ModelSource(base, INPUT_NAME, shape), path, variant)
        if name != "ms":
            judged = judge(path, mended, subject.validation)
    parity = proof_of(path, judged, subject) if judged else measure(path, subject.reference, None, tolerance)
    runtime = LiteRuntime(path, shape, 1, environment=environment)
    try:
        picture = np.asarray(np.load(subject.reference.inputs, mmap_mode="r")[:1])
        latency = lite_latency(runtime, OnnxRuntime(base, threads=1), picture)
    finally:
        runtime.close()
    layout = "NHWC" if runtime.input_shape[1:] == (*shape[1:], shape[0]) else "NCHW"
    return Derived(
        precision=precision,
        preprocessing="outside",
        input=TensorInfo(name=INPUT_NAME, dtype="float32", shape=runtime.input_shape, layout=layout),
        opset=None,
        mended=mended,
        parity=parity,
        latency=latency,
        judged=judged,
        runtime="mindspore_lite",
        batch=1,
    )


def _choose_int8(base: Path, path: Path, subject: Subject, environment: LiteEnvironment) -> Judged:
    """Quantise with Lite, on calibration pictures, as many layers as the validation pictures allow."""
    spec = subject.spec
    with tempfile.TemporaryDirectory(prefix="int8-") as name:
        pictures = Path(name, "calibration")
        pictures.mkdir()
        count = write_calibration(pictures, spec, subject.train)
        quantiser = Int8Quantiser(base, Path(name), calibration_inputs(subject.train, spec))

        def write(target: Path, kept: Sequence[str]) -> tuple[str, ...]:
            config = quantisation_config(INPUT_NAME, spec, count, str(pictures), kept)
            shape = (spec.channels, spec.image_size, spec.image_size)
            convert(environment, ModelSource(base, INPUT_NAME, shape, config), target, "int8")
            return f"converted by mindspore-lite {environment.version}", quantiser.kept_text(kept)

        return choose_int8(base, path, quantiser, write, subject.validation, with_sensitivity=False)
