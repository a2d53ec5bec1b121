"""What manifest.json says: every model file of a bundle, its input and output, and the proof that it is right."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MANIFEST = "manifest.json"
LABELS = "labels.txt"
PREPROCESSING = "preprocessing.json"
README = "README.md"

BUNDLE_VERSION = 1
MAX_CLASSES = 100_000
MAX_BATCH = 65_536

FILE_NAMES = {
    "mindir": "model.mindir",
    "onnx": "model.onnx",
    "air": "model.air",
    "onnx_fp16": "model_fp16.onnx",
    "onnx_int8": "model_int8.onnx",
    "onnx_picture": "model_picture.onnx",
    "ms": "model.ms",
    "ms_fp16": "model_fp16.ms",
    "ms_int8": "model_int8.ms",
}
"""Names of the formats, with the file each is written to. `onnx_picture` has the preprocessing inside; those of
MindSpore Lite (`ms`) need it set up."""

OutputKind = Literal["logits", "softmax", "sigmoid"]
FormatName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
FilePath = Annotated[str, Field(max_length=1024)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TensorInfo(_Value):
    """Name, number type, shape (a name stands for a size that is free) and axis order of an input or output."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    layout: str


class Accuracy(_Value):
    """Share of right answers on a split, with Wilson's 95 % interval."""

    split: str
    n: int
    correct: int
    top1: float
    interval: tuple[float, float]


class Parity(_Value):
    """A file's outputs beside the trained network's, on the same pictures."""

    runtime: str = Field(description="what loaded the file in a process of its own")
    n: int
    max_abs_diff: float
    mean_abs_diff: float
    top1_agreement: float
    tolerance: float | None = Field(description="largest allowed max_abs_diff; null: the accuracy decides")
    accuracy: Accuracy


class Latency(_Value):
    """Milliseconds of one call: median with 1 thread and batch 1, measured in turns with the float32 file."""

    milliseconds: float
    float32_milliseconds: float
    ratio: float = Field(description="milliseconds / float32_milliseconds")


class ModelFile(_Value):
    """One model file."""

    file: FilePath
    runtime: Literal["mindspore", "onnxruntime", "mindspore_lite", "ascend"]
    precision: Literal["float32", "float16", "int8"]
    preprocessing: Literal["outside", "inside"]
    batch: int | None = Field(ge=1, le=MAX_BATCH, description="fixed batch size; null takes any")
    input: TensorInfo
    output: TensorInfo
    opset: int | None
    mended: tuple[str, ...] = Field(description="what was changed in the graph that MindSpore wrote")
    size_bytes: int
    parity: Parity | None = Field(description="null: no runtime here can load the file (AIR)")
    validation: Parity | None = Field(
        default=None, description="of a smaller file: on the validation pictures, by which it was chosen"
    )
    latency: Latency | None = None


class LayerSensitivity(_Value):
    """What int8 in one layer, with all others left float32, does to the outputs on validation pictures."""

    layer: str
    weights: int
    n: int
    mean_abs_diff: float
    top1_agreement: float


class Refused(_Value):
    """A format that was asked for and is not in the bundle."""

    reason: str
    size_bytes: int | None = None
    parity: Parity | None = Field(default=None, description="on the validation pictures, by which it was refused")


class LiteResult(_Value):
    """A MindSpore Lite file that `deploy.lite.check` made, beside the bundle's own file on the same pictures."""

    file: str
    size_bytes: int
    n: int
    max_abs_diff: float
    top1_agreement: float
    runtime: str | None = Field(default=None, description="version of Lite, and the language that ran the file")
    pictures: str | None = Field(default=None, description="which pictures; calibration pictures are training pictures")
    accuracy: Accuracy | None = Field(default=None, description="null: the pictures have no labels")
    latency: Latency | None = Field(default=None, description="beside the float32 ONNX file in onnxruntime")


class Checkpoint(_Value):
    """Where the weights come from."""

    file: str
    epoch: int
    sha256: str


class Manifest(_Value):
    """The whole of manifest.json."""

    bundle_version: Literal[1] = 1
    created: str
    network: dict[str, object]
    num_classes: int = Field(ge=1, le=MAX_CLASSES)
    output_kind: OutputKind
    merged_adapters: int
    folded_batch_norms: int
    checkpoint: Checkpoint
    accuracy: Accuracy = Field(description="of the trained network, by MindSpore")
    validation: Accuracy | None = Field(
        default=None, description="of the trained network, on the pictures that smaller files were chosen on"
    )
    leaking_split: bool = Field(description="whether training pictures are in the split")
    models: dict[FormatName, ModelFile]
    refused: dict[FormatName, Refused]
    sensitivity: tuple[LayerSensitivity, ...] = Field(
        default=(), description="most sensitive first; empty: neither asked for nor needed"
    )
    lite: dict[str, LiteResult] = Field(default_factory=dict, description="empty: MindSpore Lite was not run")
    lite_readers: dict[str, str] = Field(default_factory=dict, description="which Lite reads which file")
    lite_refused: dict[str, Refused] = Field(default_factory=dict, description="what this Lite cannot do, and why")
    versions: dict[str, str]
    git_commit: str | None
    files: dict[FilePath, str] = Field(description="SHA-256 of every other file of the bundle, by relative path")
