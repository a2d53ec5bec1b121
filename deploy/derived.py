"""Model files made from the float32 ONNX file: half precision, int8, and preprocessing inside the graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datazoo.pictures import PictureSet
from datazoo.spec import PreprocessingSpec
from deploy.errors import BundleError
from deploy.manifest import Latency, Parity, TensorInfo
from deploy.parity import Reference


@dataclass(frozen=True)
class Derived:
    """A derived file, proven and measured."""

    precision: Literal["float32", "float16", "int8"]
    preprocessing: Literal["outside", "inside"]
    input: TensorInfo
    opset: int
    mended: tuple[str, ...]
    parity: Parity
    latency: Latency | None = None
    refused: str | None = None


def derive(
    name: str,
    base: Path,
    path: Path,
    spec: PreprocessingSpec,
    train: PictureSet,
    reference: Reference,
    tolerance: float,
) -> Derived:
    """Make one."""
    raise BundleError(f"format {name} is not written yet")
