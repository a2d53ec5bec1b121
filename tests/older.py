"""What version 0.1.0 wrote: runs/, bundle/, cache/, the data and the recipes they were made with."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

_ARCHIVE = Path(__file__).parent / "fixtures" / "version_0_1_0.tar.gz"
_NAME = "version_0_1_0"


def unpack(folder: Path) -> Path:
    """Unpack everything below `folder` and return where it lies."""
    shutil.unpack_archive(_ARCHIVE, folder)  # no filter: Python 3.11.2, Debian 12's, has none
    return folder / _NAME


def manifest() -> dict[str, Any]:
    """The bundle's manifest."""
    with tarfile.open(_ARCHIVE) as tar:
        member = tar.extractfile(f"{_NAME}/bundle/manifest.json")
        assert member is not None
        values: dict[str, Any] = json.load(member)
    return values
