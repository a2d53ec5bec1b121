"""Several processes may remember in one database."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace

import pytest

from datazoo.doctor.examine import Finding, examine
from datazoo.pipeline.picture_bytes import identity_of
from tests.unit.datazoo.doctor.pictures import memory_of, write_picture

WRITER = """
import sys
from collections.abc import Collection
from pathlib import Path
from datazoo.doctor.examine import Finding
from datazoo.doctor.memory import PictureMemory
from tests.unit.datazoo.doctor.pictures import later
from datazoo.pipeline.picture_bytes import identity_of
with PictureMemory(Path(sys.argv[1])) as memory:
    for path in sys.argv[2:]:
        memory.remember([(path, Finding(bytes(32), identity=identity_of(path)))], later())
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    files = [str(write_picture(tmp_path / "data" / f"{index:02}.png", index)) for index in range(40)]
    database = tmp_path / "cache" / "pictures.sqlite"
    root = Path(__file__).resolve().parents[4]
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(database), *files[part::4]], cwd=root)
               for part in range(4)]  # fmt: skip

    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    with memory_of(tmp_path / "cache") as memory:
        assert memory.recall(files, decoded=True).hashes() == (bytes(32),) * 40


def test_a_file_that_cannot_be_read_is_not_remembered(tmp_path: Path) -> None:
    """It may be readable at the next start, without having changed."""
    path = str(tmp_path / "gone.png")
    found = examine(path)
    with memory_of(tmp_path) as memory:
        memory.remember([(path, found._replace(identity=(0, 0, 0, 0)))], memory.clock())

        assert found.fault is not None
        assert len(memory.recall([path], decoded=False).unknown()) == 1


def test_what_did_not_fit_into_memory_is_tried_again(tmp_path: Path) -> None:
    path = str(write_picture(tmp_path / "x.png", 0))
    with memory_of(tmp_path) as memory:
        reason = "does not fit into memory"
        found = Finding(bytes(32), (20, 20), reason, lasting=False, identity=identity_of(path))
        memory.remember([(path, found)], memory.clock())

        assert len(memory.recall([path], decoded=True).unknown()) == 1
        assert memory.recall([path], decoded=False).hashes() == (bytes(32),)
        assert memory.recall([path], decoded=False).faults == {}


def test_inodes_beyond_sqlites_integers_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(write_picture(tmp_path / "x.png", 0))
    status = SimpleNamespace(st_size=1, st_mtime_ns=2, st_ctime_ns=3, st_ino=(1 << 64) - 1)
    with memory_of(tmp_path) as memory:
        memory._open()
        monkeypatch.setattr(os, "stat", lambda path: status)
        memory.remember([(path, Finding(bytes(32), identity=identity_of(path)))], memory.clock())

        assert memory.recall([path], decoded=True).hashes() == (bytes(32),)


@pytest.mark.parametrize("order", [1, -1])
def test_files_of_several_folders_in_any_order_are_remembered(tmp_path: Path, order: int) -> None:
    files = [str(write_picture(tmp_path / f"{index % 3}" / f"{index}.png", index)) for index in range(150)][::order]
    with memory_of(tmp_path) as memory:
        found = [examine(file) for file in files]
        memory.remember(zip(files, found, strict=True), memory.clock())

        assert memory.recall(files, decoded=True).hashes() == tuple(one.sha256 for one in found)


def test_a_shuffled_list_fetches_each_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [str(tmp_path / f"{index:03}.png") for index in range(300)]
    for file in files:
        Path(file).touch()
    random.Random(0).shuffle(files)
    with memory_of(tmp_path) as memory:
        memory.remember(((file, Finding(bytes(32), identity=identity_of(file))) for file in files), memory.clock())
        fetched: list[tuple] = []
        rows = memory._rows

        def counted(folder: str, names: Collection[str]) -> list[tuple]:
            found = rows(folder, names)
            fetched.extend(found)
            return found

        monkeypatch.setattr(memory, "_rows", counted)

        assert memory.recall(files, decoded=True).hashes() == (bytes(32),) * 300
        assert len(fetched) == 300
