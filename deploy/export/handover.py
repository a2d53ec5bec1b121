"""Files of a bundle that are for MindSpore Lite: conversion commands, calibration pictures, sample clients.

Source: MindSpore Lite documentation, "Converting Models for Inference" and "Post Training Quantization".
"""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

from datazoo.pictures import PictureSet
from datazoo.pipeline.pillow_path import square
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.manifest import Manifest
from deploy.export.derived import calibration_pictures, rgb_pictures

SAMPLES = Path(__file__).parents[1] / "lite" / "samples"
VARIANTS = ("fp32", "fp16", "int8")


def write_handover(folder: Path, manifest: Manifest, spec: PreprocessingSpec, train: PictureSet) -> None:
    """Write the folder `lite` of a bundle that holds an ONNX or a MINDIR file.

    Args:
        folder: of the bundle.
        manifest: what it holds so far.
        spec: the preprocessing.
        train: pictures to calibrate on.
    """
    if not {"onnx", "mindir"} & set(manifest.models):
        return
    lite = folder / "lite"
    shutil.copytree(SAMPLES, lite, ignore=shutil.ignore_patterns("__pycache__"))
    pictures = lite / "calibration"
    pictures.mkdir()
    count = 0
    for image in rgb_pictures(calibration_pictures(train)):
        Image.fromarray(square(image, spec)).save(pictures / f"{count:04d}.png")
        count += 1
    (lite / "full_quant.cfg").write_text(quantisation_config(manifest, spec, count), encoding="utf-8")
    script = [
        "#!/bin/sh",
        "# Run in the folder of the bundle, with MindSpore Lite's converter_lite on the PATH.",
        "set -e",
    ]
    script += [" ".join(convert_command(manifest, variant)) for variant in VARIANTS]
    (lite / "convert.sh").write_text("\n".join(script) + "\n", encoding="utf-8")
    # No --inputShapes: the converter has fixed the shape, and may have put the channels last.
    (lite / "benchmark.sh").write_text(
        "#!/bin/sh\n# Run on the device, in the folder of the bundle, with Lite's benchmark on the PATH.\n"
        "benchmark --modelFile=lite/${1:-fp32}.ms --numThreads=${2:-1} --warmUpLoopCount=3 --loopCount=50\n",
        encoding="utf-8",
    )


def convert_command(manifest: Manifest, variant: str, converter: str = "converter_lite") -> list[str]:
    """Command that writes lite/<variant>.ms; to be run in the folder of the bundle.

    Args:
        manifest: of the bundle.
        variant: fp32, fp16 or int8.
        converter: the program.
    """
    name = "onnx" if "onnx" in manifest.models else "mindir"
    model = manifest.models[name]
    shape = ",".join(str(size) for size in (1, *model.input.shape[1:]))
    command = [
        converter,
        f"--fmk={name.upper()}",
        f"--modelFile={model.file}",
        f"--outputFile=lite/{variant}",
        f"--inputShape={input_name(manifest)}:{shape}",
    ]
    extra: dict[str, list[str]] = {"fp32": [], "fp16": ["--fp16=on"], "int8": ["--configFile=lite/full_quant.cfg"]}
    return command + extra[variant]


def input_name(manifest: Manifest) -> str:
    """Name of the input of the file that is converted; MINDIR keeps the name of construct's argument."""
    return manifest.models["onnx"].input.name if "onnx" in manifest.models else "x"


def quantisation_config(
    manifest: Manifest, spec: PreprocessingSpec, count: int, pictures: str = "lite/calibration"
) -> str:
    """Configuration of full post-training quantisation; its pictures are cropped already."""
    mean, std = ([round(255 * value, 4) for value in values] for values in (spec.mean, spec.std))
    return f"""\
[common_quant_param]
quant_type=FULL_QUANT
bit_num=8

[full_quant_param]
activation_quant_method=MAX_MIN
bias_correction=true
per_channel=true

[data_preprocess_param]
calibrate_path={input_name(manifest)}:{pictures}
calibrate_size={count}
input_type=IMAGE
image_to_format={"RGB" if spec.color == "rgb" else "GRAY"}
normalize_mean={mean}
normalize_std={std}
"""
