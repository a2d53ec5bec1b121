"""How a process ends, seen from outside."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from common.launcher_protocol import read_ranks

ROOT = Path(__file__).resolve().parents[3]
DOOR = """
import atexit, logging, os, sys, types
from common.door import open_door
{before}

class Library:
    def __del__(self):
        os.write(1, b"taken apart\\n")

def main(argv):
    sys.modules.setdefault("mindspore", types.ModuleType("mindspore")).kept = Library()
    atexit.register(lambda: print("exit handler"))
    print("done")
    return {code}

open_door(main)
"""


def run(before: str = "", code: str = "0", cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    program = textwrap.dedent(DOOR).format(before=before, code=code)
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("code", ["0", "1", "3"])
def test_the_output_and_the_code_are_whole_and_libraries_are_not_taken_apart(code: str) -> None:
    ended = run(code=code)

    assert ended.returncode == int(code)
    assert ended.stdout == "done\nexit handler\n"


def test_what_a_log_holds_back_is_written(tmp_path: Path) -> None:
    file = f"{tmp_path}/log"
    before = (
        f"from logging.handlers import MemoryHandler\nkept = MemoryHandler(9, target=logging.FileHandler({file!r}))\n"
        "logging.getLogger().addHandler(kept)\nlogging.warning('last words')"
    )

    run(before)

    with open(file) as log:
        assert log.read() == "last words\n"


def test_a_rank_among_others_ends_so_too() -> None:
    assert "taken apart" not in run(MS_ROLE="MS_WORKER").stdout


def test_a_failure_keeps_its_code_and_its_words(tmp_path: Path) -> None:
    ended = run(code="1 / 0", cwd=tmp_path)

    assert ended.returncode == 1
    assert "ZeroDivisionError" in ended.stderr


def test_a_rank_that_ended_well_says_so_and_waits_for_no_peer_for_ever(tmp_path: Path) -> None:
    (tmp_path / "rank_1.json").write_text('{"rank": 1, "host": "elsewhere", "pid": 1}')

    ended = run(LAUNCH_LOG_DIR=str(tmp_path), RANK_ID="0", MS_WORKER_NUM="2")

    assert ended.returncode == 0, ended.stderr
    assert [record.code for record in read_ranks(tmp_path)] == [0, None]
