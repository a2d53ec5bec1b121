"""ONNX files into MindSpore Lite's .ms files, in a process of its own with a time limit."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx

from common.files import atomic_path
from deploy.use.lite_environment import PROGRAMS, LiteEnvironment, LiteError
from deploy.use.lite_process import run_process

Variant = Literal["fp32", "fp16", "int8", "int8_weight", "int8_dynamic"]
VARIANTS: tuple[Variant, ...] = ("fp32", "fp16", "int8", "int8_weight", "int8_dynamic")
SECONDS = 1800.0
"""Longest time of a conversion; full quantisation runs the calibration pictures."""

_WEIGHT_QUANT = """\
[common_quant_param]
quant_type=WEIGHT_QUANT
bit_num=8
min_quant_weight_size=0
min_quant_weight_channel=16
"""
_DYNAMIC_QUANT = """\
[common_quant_param]
quant_type=DYNAMIC_QUANT
bit_num=8
"""
CONFIGS: dict[Variant, str] = {"int8_weight": _WEIGHT_QUANT, "int8_dynamic": _DYNAMIC_QUANT}


@dataclass(frozen=True)
class ModelSource:
    """The file that is converted.

    Args:
        file: ONNX.
        input: name of its input.
        shape: (C, H, W) of a picture.
        full_quantisation: settings of full quantisation, with absolute paths; None: not wanted.
    """

    file: Path
    input: str
    shape: tuple[int, int, int]
    full_quantisation: str | None = None


def convert(
    environment: LiteEnvironment, source: ModelSource, target: Path, variant: Variant, seconds: float = SECONDS
) -> None:
    """Write a .ms file for one picture a call, whole or not at all.

    Args:
        environment: Lite.
        source: what is converted.
        target: file to write, ending in .ms.
        variant: fp32; fp16: weights of 16 bits; int8: full quantisation; int8_weight and int8_dynamic: of the weights.
        seconds: longest time.

    Raises:
        LiteError: this Lite cannot, or is too slow.
    """
    with tempfile.TemporaryDirectory(prefix="lite-") as folder:
        config = source.full_quantisation if variant == "int8" else CONFIGS.get(variant)
        if variant == "int8" and config is None:
            raise LiteError("full quantisation needs calibration pictures")
        file = Path(folder) / "quant.cfg"
        if config is not None:
            file.write_text(config, encoding="utf-8")
        model = Path(folder) / "model.onnx"
        onnx.save(_with_one_picture(onnx.load(source.file)), model)
        written = Path(folder) / "model.ms"
        command = _command(environment, source, variant, model, file if config is not None else None)
        said = run_process(command, f"converting to {variant}", seconds, environment.variables(), Path(folder))
        if not written.is_file():
            raise LiteError(f"converting to {variant} failed: {said.strip().splitlines()[-1:] or 'no file'}")
        with atomic_path(target) as path:  # the converter's own file is read-only
            path.write_bytes(written.read_bytes())


def _with_one_picture(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with a batch of 1: the converter fixes the size of the input only."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    return model


def _command(
    environment: LiteEnvironment, source: ModelSource, variant: Variant, model: Path, config: Path | None
) -> list[str]:
    shape = f"{source.input}:{','.join(map(str, (1, *source.shape)))}"
    output = str(model.with_suffix(""))
    if environment.converter_lite:
        command = [str(environment.path(environment.converter_lite)), "--fmk=ONNX", f"--modelFile={model}"]
        command += [f"--outputFile={output}", f"--inputShape={shape}"]
        command += ["--fp16=on"] if variant == "fp16" else []
        return command + ([f"--configFile={config}"] if config else [])
    arguments = [str(model), output, shape, "1" if variant == "fp16" else "0", *([str(config)] if config else [])]
    check_converter(environment, variant)
    if environment.converter and (variant == "int8" or not environment.python):
        return [*environment.program(environment.converter), *arguments]
    assert environment.python is not None
    return [str(environment.path(environment.python)), str(PROGRAMS / "convert.py"), *arguments]


def check_converter(environment: LiteEnvironment, variant: Variant) -> None:
    """Refuse what an environment cannot convert.

    Raises:
        LiteError: it has no converter for this variant.
    """
    if environment.converter_lite or environment.converter:
        return
    if variant == "int8":
        raise LiteError(
            "full quantisation: the wheel's Python converter opens the file it calibrates by the wrong kind; "
            "the C++ one does it (install g++, then set up again: python -m deploy.lite setup --again)"
        )
    if environment.python is None:
        raise LiteError(f"MindSpore Lite in {environment.folder} has no converter")
