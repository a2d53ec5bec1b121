"""Two processes never write one run folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import RunError
from engine.config import Config, load_config
from engine.run.checkpoint import CheckpointStore, Snapshot
from engine.run.lock import LOCK, RunLock
from engine.run.resume import find_resume_point
from engine.run.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[4]
DESCRIPTION = {"monitor": "val_top1", "classes": ["a", "b"], "preprocessing": {}, "model": {}, "parameters": {}}
HOLD = "import sys,time,pathlib; from engine.run.lock import RunLock; lock=RunLock(pathlib.Path(sys.argv[1])); "


def recipe(folder: Path) -> Config:
    return load_config(ROOT / "config/lenet5_digits.yaml", {"output_dir": str(folder), "name": "run"})


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = RunFolder.create(recipe(tmp_path))
    made.write_inputs(recipe(tmp_path), ("a", "b"), {})
    CheckpointStore(made.checkpoints, DESCRIPTION).save(Snapshot({}, 1, 10))
    return made


@pytest.fixture
def holder(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes the run."""
    command = [sys.executable, "-c", HOLD + "lock.sign(); print('held', flush=True); time.sleep(60)", str(run.path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("wanted", ["auto", "", "checkpoints/last.ckpt", "checkpoints/epoch_0001.ckpt"])
def test_a_second_start_is_refused_however_it_is_told(
    tmp_path: Path, run: RunFolder, holder: subprocess.Popen[str], wanted: str
) -> None:
    resume = wanted if wanted == "auto" else str(run.path / wanted)

    with pytest.raises(RunError, match=rf"process {holder.pid} on {os.uname().nodename} is writing it"):
        find_resume_point(resume, recipe(tmp_path), force=True)


def test_a_killed_process_lets_go(tmp_path: Path, run: RunFolder, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()

    point = find_resume_point("auto", recipe(tmp_path), force=False)

    assert point is not None
    assert point.run == run


def test_auto_takes_a_free_run_before_it_refuses(tmp_path: Path, run: RunFolder, holder: subprocess.Popen[str]) -> None:
    free = RunFolder.create(recipe(tmp_path))
    free.write_inputs(recipe(tmp_path), ("a", "b"), {})

    point = find_resume_point("auto", recipe(tmp_path), force=False)

    assert point is not None
    assert point.run == free


def test_a_refused_start_leaves_no_lock_behind_and_changes_none(run: RunFolder) -> None:
    found = run.path.stat().st_mtime_ns
    lock = RunLock(run.path)
    lock.release()
    assert not (run.path / LOCK).exists()
    assert run.path.stat().st_mtime_ns == found

    first = RunLock(run.path)
    first.sign()
    first.release()
    before = (run.path / LOCK).read_bytes(), (run.path / LOCK).stat().st_mtime_ns
    time.sleep(0.01)
    RunLock(run.path).release()

    assert ((run.path / LOCK).read_bytes(), (run.path / LOCK).stat().st_mtime_ns) == before


@pytest.mark.parametrize("content", [b"", b"\xff\xff", b"[]", b"{}"])
def test_an_unreadable_holder_is_another_process(run: RunFolder, content: bytes) -> None:
    lock = RunLock(run.path)
    (run.path / LOCK).write_bytes(content)

    with pytest.raises(RunError, match="another process is writing it"):
        RunLock(run.path)
    lock.release()
