"""Which MindSpore Lite reads which file of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deploy.bundle.manifest import ModelFile

LITE_2_0_READS = 1
"""The highest mind_ir_version that Lite 2.0.0 reads: it refuses others by that number."""


def lite_readers(folder: Path, models: Mapping[str, ModelFile]) -> dict[str, str]:
    """Say for every file that Lite can have to do with which Lite that is.

    Args:
        folder: of the bundle.
        models: its files, by format.
    """
    said = {}
    for name, model in models.items():
        if name == "onnx":
            said[model.file] = "any Lite from 2.0.0 on: its converter makes a .ms file of it (2.0.0 was run)"
        elif name == "mindir":
            version = mind_ir_version(folder / model.file)
            said[model.file] = f"mind_ir_version {version}: " + (
                f"Lite 2.0.0 refuses it (it reads up to {LITE_2_0_READS}); take the ONNX file there, "
                "or a Lite as new as the MindSpore that wrote it (not run)"
                if version > LITE_2_0_READS
                else "Lite 2.0.0 and later"
            )
        elif name.startswith("ms"):
            said[model.file] = f"the runtime of the Lite that wrote it or a later one ({model.mended[0]})"
        elif name.startswith("onnx_"):
            said[model.file] = "none: it is for onnxruntime"
    return said


def mind_ir_version(file: Path) -> int:
    """The format version that a MINDIR file states."""
    from mindspore.train import mind_ir_pb2

    model = mind_ir_pb2.ModelProto()
    model.ParseFromString(file.read_bytes())
    return int(model.mind_ir_version)
