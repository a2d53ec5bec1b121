"""The README of a bundle: what is in it, how it was proven, and commands that run as they stand."""

from __future__ import annotations

from pathlib import Path

from common.names import printable
from deploy.bundle.manifest import Manifest


def readme_text(manifest: Manifest, target: Path) -> str:
    """Return the README of a bundle.

    Args:
        manifest: what the bundle holds.
        target: its folder, as the exporter was told it.
    """
    accuracy = manifest.accuracy
    low, high = accuracy.interval
    network = manifest.network.get("name", "network")
    lines = [
        f"# {printable(target.name)}: {network}, {manifest.num_classes} classes",
        "",
        f"Trained network: top-1 {accuracy.top1:.2%} on {accuracy.n} {accuracy.split} pictures "
        f"(95 % interval {low:.2%} to {high:.2%})"
        + (", some of which are training pictures: too high." if manifest.leaking_split else "."),
        f"The outputs are {_OUTPUTS[manifest.output_kind]}.",
        "",
        "| model | file | input | size | top-1 | largest difference | latency, beside that of float32 ONNX |",
        "|---|---|---|---|---|---|---|",
    ]
    for key, model in manifest.models.items():
        shape = "x".join(str(size) for size in model.input.shape)
        proof, latency = model.parity, model.latency
        lines.append(
            f"| {key} | {model.file} | {model.input.dtype} {shape} | {model.size_bytes / 1024:,.0f} KB | "
            + (f"{proof.accuracy.top1:.2%} (n={proof.n}) | {proof.max_abs_diff:.1e} | " if proof else "not run | | ")
            + (f"{latency.milliseconds:.2f} ms, {latency.float32_milliseconds:.2f} ms |" if latency else "|")
        )
    lines += [f"| {key} | not shipped: {refused.reason} | | | | | |" for key, refused in manifest.refused.items()]
    lines += ["", _DIFFERENCES]
    lines += [*_smaller_files(manifest), _FILES]
    if manifest.lite_readers:
        lines += ["## MindSpore Lite", "", "Which Lite reads which file:", ""]
        lines += [f"- `{file}`: {reader}" for file, reader in manifest.lite_readers.items()]
    lines = ["\n".join(lines).rstrip(), *([_ALONE] if "onnx" in manifest.models else [])]
    lines += [_PICTURE] if "onnx_picture" in manifest.models else []
    return "\n\n".join([*lines, _COMMANDS])


def _smaller_files(manifest: Manifest) -> list[str]:
    judge = manifest.validation
    if judge is None:
        return []
    where = f"{judge.n} {judge.split} pictures"
    lines = [f"Smaller files are chosen on {where}, of which the trained network names {judge.correct} rightly:", ""]
    for model in manifest.models.values():
        if model.validation:
            lines.append(
                f"- `{model.file}`: {model.validation.accuracy.correct} of {model.validation.n}; {model.mended[-1]}"
            )
    lines += [f"- {name} is left out: {refused.reason}" for name, refused in manifest.refused.items()]
    half = manifest.models.get("onnx_fp16")
    if half and half.latency:
        lines.append(
            f"- `{half.file}` is for a smaller download: on a CPU onnxruntime casts to float32 and back, and is slower "
            f"with it ({half.latency.ratio:.2f} times the latency of float32 here)"
        )
    if layers := manifest.sensitivity:
        lines += ["", f"Mean change of the outputs with int8 in one layer only, on {layers[0].n} of them:", ""]
        lines += ["| layer | weights | outputs change | same class |", "|---|---|---|---|"]
        lines += [
            f"| {layer.layer} | {layer.weights:,} | {layer.mean_abs_diff:.4f} | {layer.top1_agreement:.1%} |"
            for layer in layers
        ]
    return [*lines, ""]


_OUTPUTS = {
    "logits": "logits; their softmax gives probabilities",
    "softmax": "probabilities that sum to 1",
    "sigmoid": "probabilities, one for each class by itself",
}

_DIFFERENCES = """\
Differences are to the trained network's outputs on the same pictures; each file was loaded back by its runtime in a
process of its own. Latencies are of one picture with one thread on the machine that exported, measured in turns with
the float32 ONNX file in onnxruntime.
"""

_FILES = """\
## Files

- `labels.txt`: class names in the order of the outputs (`labels.<language>.txt`: the same in other languages)
- `preprocessing.json`: how a picture becomes the input; colours are in the order that it names (RGB, not BGR)
- `manifest.json`: shapes, names, versions, accuracy, the proof, and the SHA-256 of every file
- `lite/`: for MindSpore Lite: conversion, benchmark, sample clients in Python, C++ and Java (Android), calibration
  pictures (training pictures: see to it that you may pass them on)
"""

_ALONE = """\
## Without the training kit

On any machine with Python, from this folder:

```sh
pip install onnxruntime numpy pillow
python lite/classify.py . model.onnx lite/calibration/0000.png 3
```

Its `preprocess` and `open_model` are short, and made to be taken over into a program. `lite/README.md`: MindSpore Lite
in Python, C++ and Java."""

_PICTURE = """\
`model_picture.onnx` needs no preprocessing: it takes the upright picture's RGB bytes, height x width x 3.

```python
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

picture = ImageOps.exif_transpose(Image.open("lite/calibration/0000.png")).convert("RGB")
session = onnxruntime.InferenceSession("model_picture.onnx")
(outputs,) = session.run(None, {session.get_inputs()[0].name: np.asarray(picture)})
print(open("labels.txt", encoding="utf-8").read().split("\\n")[outputs[0].argmax()])
```"""

_COMMANDS = """\
## With the training kit

First, in this folder:

```sh
export BUNDLE="$PWD"
```

Then, in the folder of the training kit:

```sh
python predict.py "$BUNDLE/lite/calibration/0000.png" --model "$BUNDLE" --top_k 3
python -m deploy.lite check "$BUNDLE"
python -m deploy.serve "$BUNDLE"
python -m deploy.lite device "$BUNDLE" --client cpp
```

The last one packs a `.ms` file (`export.py --formats ms`) and one client for a device, without training pictures.

Where MindSpore Lite is set up (`python -m deploy.lite setup`, once), `check` converts to `lite/*.ms`, runs the files
and writes what came out in `manifest.json`; `--run RUN --split test` or `--pictures DIR` names pictures for that. The
sample clients then run on Lite's own Python, or compiled:

```sh
.lite/venv/bin/python "$BUNDLE/lite/classify.py" "$BUNDLE" "$BUNDLE/lite/fp32.ms" "$BUNDLE/lite/calibration/0000.png"
```

With an unpacked MindSpore Lite release, its `converter_lite` and `benchmark` on the PATH, from this folder:

```sh
sh lite/convert.sh
sh lite/benchmark.sh fp32
```
"""
