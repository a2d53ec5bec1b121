"""A console that goes away ends a program quietly, or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from launch.plan import ROOT

DOOR = """
import os, sys
from common.door import open_door
def main(argv):
    for i in range(20_000):
        print("line", i)
    sys.stderr.write("a word\\n")
    with open(argv[0], "w") as f:
        print("whole", file=f)
    os.system("echo of a library >&2")
    return 0
open_door(main, outlives_reader={outlives})
"""


def run(outlives: bool, target: Path, shell: str, errors: str = "2>&3") -> str:
    """Run the program as `shell` says; return what bash printed, the program's exit code last."""
    program = target.with_name("program.py")
    program.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + DOOR.format(outlives=outlives))
    command = f"{sys.executable} {program} {target}"
    script = f"cd {target.parent}; exec 3>&1; " + shell.replace(
        "PROGRAM", f"{{ {command} {errors}; echo code $? >&3; }}"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


def test_whoever_only_shows_something_ends_quietly_with_its_reader(tmp_path: Path) -> None:
    assert run(False, tmp_path / "out", "PROGRAM | head -1 >/dev/null") == "code 141\n"
    assert [path.name for path in tmp_path.iterdir()] == ["program.py"]


def test_a_job_goes_on_without_its_reader(tmp_path: Path) -> None:
    said = run(True, tmp_path / "out", "PROGRAM | head -1 >/dev/null")

    assert said == "a word\nof a library\ncode 0\n"
    assert (tmp_path / "out").read_text() == "whole\n"


@pytest.mark.parametrize("closing", [">&-", "<&-", "<&- >&-"])
@pytest.mark.parametrize("outlives", [True, False])
def test_streams_that_are_closed_from_the_start_are_no_place_for_files(
    tmp_path: Path, closing: str, outlives: bool
) -> None:
    said = run(outlives, tmp_path / "out", f"PROGRAM {closing} | cat >/dev/null")

    assert said.endswith("code 0\n")
    assert "Traceback" not in said
    assert (tmp_path / "out").read_text() == "whole\n"


def test_closed_errors_are_no_place_for_files_either(tmp_path: Path) -> None:
    assert run(True, tmp_path / "out", "PROGRAM >&- <&-", errors="2>&-") == "code 0\n"
    assert (tmp_path / "out").read_text() == "whole\n"
