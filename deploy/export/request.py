"""What is exported, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mindspore import nn

from datazoo.pictures import PictureSet
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.export.parity import TOLERANCE, Reference


@dataclass(frozen=True)
class ExportRequest:
    """What is to be exported and how.

    Args:
        checkpoint: the weights.
        formats: keys of `manifest.FILE_NAMES`.
        batch: fixed batch size, or None for a free one.
        fold_batch_norm: fold BatchNorm layers into convolutions.
        tolerance: largest difference of an output from the trained network's.
        local_names: class names in other languages, by language code.
        device: where MindSpore runs.
        git_commit: of this project.
        leaking: whether training pictures are in the split of the proof.
        sensitivity: find out, with onnx_int8, how much each layer suffers from it.
    """

    checkpoint: Path
    formats: tuple[str, ...]
    batch: int | None = None
    fold_batch_norm: bool = False
    tolerance: float = TOLERANCE
    local_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    device: str = "CPU"
    git_commit: str | None = None
    leaking: bool = False
    sensitivity: bool = False

    @property
    def judged(self) -> tuple[str, ...]:
        """Formats that lose accuracy, and are chosen on validation pictures."""
        return tuple(name for name in self.formats if name.endswith(("_fp16", "_int8")))


@dataclass(frozen=True)
class Subject:
    """The network whose files are written, and what they are proven against.

    Args:
        network: in inference mode, adapters merged.
        num_classes: length of its output.
        spec: the preprocessing.
        reference: the trained network's answers on `proof`.
        proof: pictures of the proof.
        train: pictures that int8 is calibrated on.
        validation: the trained network's answers on the pictures that smaller files are chosen on.
        sensitivity: find out how much each layer suffers from int8.
    """

    network: nn.Cell
    num_classes: int
    spec: PreprocessingSpec
    reference: Reference
    proof: PictureSet
    train: PictureSet
    validation: Reference
    sensitivity: bool = False
