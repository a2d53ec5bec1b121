"""Files of a bundle that are for MindSpore Lite."""

from __future__ import annotations

from pathlib import Path

from datazoo.pictures import PictureSet
from datazoo.spec import PreprocessingSpec
from deploy.manifest import Manifest


def write_handover(folder: Path, manifest: Manifest, spec: PreprocessingSpec, train: PictureSet) -> None:
    """Write them."""
