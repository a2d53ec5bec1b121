"""Name what a picture shows: python classify.py BUNDLE MODEL PICTURE [TOP_K].

MODEL is a .ms file, run by MindSpore Lite (mindspore_lite; 2.0.0 on PyPI is for Python 3.7), or a .onnx file, run by
onnxruntime. Needs Python 3.7 or later, numpy and Pillow too; nothing of the training kit.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

_PACKAGES = "pip install mindspore-lite==2.0.0 for a .ms file (Python 3.7), onnxruntime for a .onnx file; numpy, pillow"
BICUBIC = getattr(Image, "Resampling", Image).BICUBIC  # its place before Pillow 9.1


def to_rgb(image: Image.Image) -> Image.Image:
    """Show a picture upright with 8 bits a channel; of deeper ones the high 8 bits are kept."""
    tags = getattr(image, "tag_v2", {})  # a TIFF's; it may say 12 bits
    deep = image.mode.startswith("I") or any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    bits = tags.get(258, (16 if deep else 8,))[0]
    largest = tags.get(281, (0,))[0]
    if bits > 8 and largest > 255:
        bits = min(bits, largest.bit_length())
    image.load()  # a PNG may say behind its pixels how it lies
    if image.format != "PNG" or "exif" in image.info:  # not by a text that holds EXIF data
        image = ImageOps.exif_transpose(image) or image  # None in older Pillows
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range; save the picture with 8 bits")
    if image.mode.startswith("I"):
        pixels = np.asarray(image)
        if pixels.min() < 0 or int(pixels.max()) >= 1 << min(bits, 16):
            raise ValueError(f"integer pixels are not within {min(bits, 16)} bits; save the picture with 8 bits")
        image = Image.fromarray((pixels >> (min(bits, 16) - 8)).astype(np.uint8))
    rgb = image.convert("RGB")
    if bits > 8 and np.asarray(rgb).max() < 16:
        raise ValueError(f"{bits}-bit pixels reach only a sixteenth of their range; save the picture with 8 bits")
    return rgb


def preprocess(image: Image.Image, spec: dict[str, Any]) -> np.ndarray:
    """Turn a Pillow picture into float32 (1, C, H, W), as preprocessing.json says."""
    image = to_rgb(image)
    if spec["resize"]:
        (width, height), shorter = image.size, spec["resize"]
        if width < height:
            size = shorter, int(np.float32(height) / np.float32(width) * np.float32(shorter))
        else:
            size = int(np.float32(width) / np.float32(height) * np.float32(shorter)), shorter
        image = image.resize((size[0], image.height), BICUBIC)  # rows first, then columns
        image = image.resize(size, BICUBIC)
    border, side = spec["pad"], spec["image_size"]
    pixels = np.pad(np.asarray(image), ((border, border), (border, border), (0, 0)))
    missing = [max(side - length, 0) for length in pixels.shape[:2]]
    pixels = np.pad(pixels, (*((m - m // 2, m // 2) for m in missing), (0, 0)))
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    pixels = pixels[top : top + side, left : left + side]
    if spec["color"] == "gray":  # OpenCV's fixed-point weights
        weights = np.array([9798, 19235, 3735], np.uint32)
        pixels = ((pixels.astype(np.uint32) @ weights + (1 << 14)) >> 15).astype(np.uint8)[..., None]
    scaled = pixels.astype(np.float32) * np.float32(1 / 255)
    normalised = (scaled - np.array(spec["mean"], np.float32)) / np.array(spec["std"], np.float32)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])


def open_model(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load a model for the CPU; what comes back turns an input (1, C, H, W) into outputs (1, num_classes)."""
    return _open_onnx(path) if path.suffix == ".onnx" else _open_lite(path)


def _open_onnx(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (tensor,) = session.get_inputs()
    if tensor.type != "tensor(float)":
        raise ValueError(f"{path.name} wants {tensor.type}, the picture itself: see the bundle's README.md")
    fixed = tensor.shape[0]

    def run(batch: np.ndarray) -> np.ndarray:
        rows = fixed if isinstance(fixed, int) else 1
        outputs: np.ndarray = session.run(None, {tensor.name: np.repeat(batch, rows, axis=0)})[0][:1]
        return outputs

    return run


def _open_lite(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    import mindspore_lite  # type: ignore[import-not-found]

    context = mindspore_lite.Context()
    context.target = ["cpu"]
    model = mindspore_lite.Model()
    model.build_from_file(str(path), mindspore_lite.ModelType.MINDIR_LITE, context)
    return partial(run_lite, model)


def run_lite(model: Any, batch: np.ndarray) -> np.ndarray:
    """Return the outputs (1, num_classes) of an input (1, C, H, W)."""
    (tensor,) = model.get_inputs()
    if tensor.shape[-1] == batch.shape[1] and tensor.shape[1] != batch.shape[1]:
        batch = np.ascontiguousarray(batch.transpose(0, 2, 3, 1))  # the converter chose NHWC
    if list(tensor.shape) != list(batch.shape):
        model.resize([tensor], [list(batch.shape)])
        (tensor,) = model.get_inputs()
    tensor.set_data_from_numpy(batch)
    outputs: np.ndarray = model.predict([tensor])[0].get_data_to_numpy()
    return outputs.copy()  # what Lite gives is a view of its buffer, which the next call overwrites


def main(arguments: list[str]) -> int:
    """Print the best classes of one picture; 2 says that something given cannot be used."""
    if len(arguments) not in (3, 4) or not all(word.isdigit() and int(word) for word in arguments[3:]):
        print("usage: python classify.py BUNDLE MODEL PICTURE [TOP_K]", file=sys.stderr)
        return 2
    try:
        answers = classify(*map(Path, arguments[:3]))
    except ImportError as error:
        print(f"error: {error}: {_PACKAGES}", file=sys.stderr)
        return 2
    except Exception as error:  # decoders and runtimes raise almost anything on what they cannot use
        print(f"error: {arguments[1]}, {arguments[2]}: {error}", file=sys.stderr)
        return 2
    for probability, label in answers[: int(arguments[3]) if len(arguments) == 4 else 5]:
        print(f"{probability:7.2%}  {label}")
    return 0


def classify(bundle: Path, model: Path, picture: Path) -> list[tuple[float, str]]:
    """Return every class with its probability, the best first."""
    spec = json.loads((bundle / "preprocessing.json").read_text(encoding="utf-8"))
    labels = (bundle / "labels.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    kind = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))["output_kind"]
    with Image.open(picture) as image:
        outputs = open_model(model)(preprocess(image, spec))[0]
    if kind == "logits":
        outputs = np.exp(outputs - outputs.max())
        outputs /= outputs.sum()
    return [(float(outputs[place]), labels[place]) for place in np.argsort(-outputs, kind="stable")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
