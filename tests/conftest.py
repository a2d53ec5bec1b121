"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

from tests import older

# Before mindspore is imported: only errors in its log, and convolutions that are fast on AVX512 machines too.
os.environ.setdefault("GLOG_v", "3")
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")

# A busy machine is no bug: examples have no time limit of their own.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")


@pytest.fixture
def older_folders(tmp_path: Path) -> Path:
    """What version 0.1.0 wrote: runs/, bundle/, cache/, the data and the recipes they were made with."""
    return older.unpack(tmp_path)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The measuring data and weights beside the project, which a clone elsewhere does not have."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared, which is not here")
    return folder
