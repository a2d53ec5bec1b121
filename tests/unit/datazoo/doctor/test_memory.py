"""Several processes may remember in one database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from datazoo.doctor.examine import Finding, examine, identity_of
from tests.unit.datazoo.doctor.pictures import memory_of, write_picture

WRITER = """
import sys
from pathlib import Path
from datazoo.doctor.examine import Finding
from datazoo.doctor.memory import PictureMemory
from tests.unit.datazoo.doctor.pictures import later
from datazoo.doctor.examine import identity_of
with PictureMemory(Path(sys.argv[1])) as memory:
    for path in sys.argv[2:]:
        memory.remember([(path, identity_of(path), Finding(bytes(32)))], later())
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    files = [str(write_picture(tmp_path / "data" / f"{index:02}.png", index)) for index in range(40)]
    database = tmp_path / "cache" / "pictures.sqlite"
    root = Path(__file__).resolve().parents[4]
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(database), *files[part::4]], cwd=root)
               for part in range(4)]  # fmt: skip

    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    seen = {Path(file).name: identity_of(file) for file in files}
    with memory_of(tmp_path / "cache") as memory:
        assert memory.recall(str(tmp_path / "data"), seen, decoded=True) == dict.fromkeys(seen, Finding(bytes(32)))


def test_a_file_that_cannot_be_read_is_not_remembered(tmp_path: Path) -> None:
    """It may be readable at the next start, without having changed."""
    path = str(tmp_path / "gone.png")
    found = examine(path)
    with memory_of(tmp_path) as memory:
        memory.remember([(path, (0, 0, 0, 0), found)], memory.clock())

        assert found.fault is not None
        assert memory.recall(str(tmp_path), {"gone.png": (0, 0, 0, 0)}, decoded=False) == {}


def test_what_did_not_fit_into_memory_is_tried_again(tmp_path: Path) -> None:
    path = str(write_picture(tmp_path / "x.png", 0))
    seen = {"x.png": identity_of(path)}
    with memory_of(tmp_path) as memory:
        found = Finding(bytes(32), (20, 20), "does not fit into memory", lasting=False)
        memory.remember([(path, seen["x.png"], found)], memory.clock())

        assert memory.recall(str(tmp_path), seen, decoded=True) == {}
        assert memory.recall(str(tmp_path), seen, decoded=False) == {"x.png": Finding(bytes(32), decoded=False)}


def test_inodes_beyond_sqlites_integers_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(write_picture(tmp_path / "x.png", 0))
    status = SimpleNamespace(st_size=1, st_mtime_ns=2, st_ctime_ns=3, st_ino=(1 << 64) - 1)
    with memory_of(tmp_path) as memory:
        memory._open()
        monkeypatch.setattr(os, "stat", lambda path: status)
        memory.remember([(path, identity_of(path), Finding(bytes(32)))], memory.clock())
        seen = {"x.png": identity_of(path)}

        assert memory.recall(str(tmp_path), seen, decoded=True) == {"x.png": Finding(bytes(32))}
