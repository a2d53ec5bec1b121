"""Files of a bundle that are for MindSpore Lite: conversion commands, calibration pictures, sample clients.

Source: MindSpore Lite documentation, "Converting Models for Inference" and "Post Training Quantization".
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from datazoo.pictures import PictureSet
from datazoo.pipeline.pillow_path import square
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.manifest import Manifest
from deploy.export.derived import calibration_pictures, rgb_pictures
from deploy.export.lite_convert import CONFIGS, VARIANTS, Variant

SAMPLES = Path(__file__).parents[1] / "lite" / "samples"
CONFIG_FILES: dict[Variant, str] = {
    "int8": "lite/full_quant.cfg",
    "int8_weight": "lite/weight_quant.cfg",
    "int8_dynamic": "lite/dynamic_quant.cfg",
}


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
    count = write_calibration(pictures, spec, train)
    (lite / "full_quant.cfg").write_text(quantisation_config(input_name(manifest), spec, count), encoding="utf-8")
    for variant, text in CONFIGS.items():
        (folder / CONFIG_FILES[variant]).write_text(text, encoding="utf-8")
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


def convert_command(manifest: Manifest, variant: Variant, converter: str = "converter_lite") -> list[str]:
    """Command that writes lite/<variant>.ms; to be run in the folder of the bundle.

    Args:
        manifest: of the bundle.
        variant: of `lite_convert.VARIANTS`.
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
    command += ["--fp16=on"] if variant == "fp16" else []
    return command + ([f"--configFile={CONFIG_FILES[variant]}"] if variant in CONFIG_FILES else [])


def input_name(manifest: Manifest) -> str:
    """Name of the input of the file that is converted; MINDIR keeps the name of construct's argument."""
    return manifest.models["onnx"].input.name if "onnx" in manifest.models else "x"


def write_calibration(folder: Path, spec: PreprocessingSpec, train: PictureSet) -> int:
    """Write calibration pictures, cropped, and return how many."""
    count = 0
    for image in rgb_pictures(calibration_pictures(train)):
        Image.fromarray(square(image, spec)).save(folder / f"{count:04d}.png")
        count += 1
    return count


def quantisation_config(
    name: str,
    spec: PreprocessingSpec,
    count: int,
    pictures: str = "lite/calibration",
    kept: Sequence[str] = (),
) -> str:
    """Configuration of full post-training quantisation; its pictures are cropped already.

    Args:
        name: of the model's input.
        spec: the preprocessing.
        count: number of pictures.
        pictures: their folder.
        kept: operators that stay float32.
    """
    skip = f"skip_quant_node={','.join(kept)}\n" if kept else ""
    mean, std = ([round(255 * value, 4) for value in values] for values in (spec.mean, spec.std))
    return f"""\
[common_quant_param]
quant_type=FULL_QUANT
bit_num=8
{skip}
[full_quant_param]
activation_quant_method=MAX_MIN
bias_correction=true
per_channel=true

[data_preprocess_param]
calibrate_path={name}:{pictures}
calibrate_size={count}
input_type=IMAGE
image_to_format={"RGB" if spec.color == "rgb" else "GRAY"}
normalize_mean={mean}
normalize_std={std}
"""
