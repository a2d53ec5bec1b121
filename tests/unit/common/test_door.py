"""Doors end with the promised exit code and a message of one to three lines."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from common.door import first_meaningful_line, run_door
from common.errors import ConfigError, RunError

ROOT = Path(__file__).resolve().parents[3]
MINDSPORE_MESSAGE = """
For 'Conv2D', the input channels must be 3, but got 1.

----------------------------------------------------
- C++ Call Stack: (For framework developers)
----------------------------------------------------
mindspore/ccsrc/plugin/device/cpu/kernel/conv2d.cc:61 Launch
"""


class DataError(ValueError):
    exit_code = 2


def raising(error: BaseException) -> Callable[[Sequence[str]], int]:
    def main(argv: Sequence[str]) -> int:
        raise error

    return main


def test_return_value_is_the_exit_code(tmp_path: Path) -> None:
    assert run_door(lambda argv: len(argv), ["a", "b", "c"], crash_folder=tmp_path) == 3


@pytest.mark.parametrize("error", [ConfigError("a\nb"), RunError("a\nb"), DataError("a\nb")])
def test_bad_input_is_2_with_its_own_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    assert run_door(raising(error), [], crash_folder=tmp_path) == 2
    assert capsys.readouterr().err == "error: a\nb\n"
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_opened_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_door(lambda argv: bool((tmp_path / "none").read_text()), [], crash_folder=tmp_path) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}/none: No such file or directory\n"


@pytest.mark.parametrize("path", [None, "runs/a/metrics.jsonl"])
def test_a_full_disk_is_1_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str | None
) -> None:
    assert run_door(raising(OSError(errno.ENOSPC, "No space left on device", path)), [], crash_folder=tmp_path) == 1

    where = f" for {path}" if path else ""
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"error: No space left on device{where}"
    assert lines[1].startswith("make room or write elsewhere, and start again")
    assert not list(tmp_path.iterdir())


def test_the_message_comes_last_in_a_log_of_both_streams() -> None:
    code = (
        "from common.door import run_door\nfrom common.errors import ConfigError\n"
        "def main(argv):\n    print('working')\n    raise ConfigError('no data')\n"
        "run_door(main, [])"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    assert done.stdout.splitlines() == [b"working", b"error: no data"]


def test_interrupt_is_130(tmp_path: Path) -> None:
    assert run_door(raising(KeyboardInterrupt()), [], crash_folder=tmp_path) == 130


def test_other_errors_are_1_and_their_traceback_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_door(raising(RuntimeError(MINDSPORE_MESSAGE)), [], crash_folder=tmp_path / "runs") == 1

    first, second = capsys.readouterr().err.splitlines()
    (log,) = (tmp_path / "runs").iterdir()
    assert first == "error: RuntimeError: For 'Conv2D', the input channels must be 3, but got 1."
    assert str(log) in second
    assert "Traceback" in log.read_text()


def test_an_unwritable_crash_folder_does_not_hide_the_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run_door(raising(RuntimeError("boom")), [], crash_folder=tmp_path / "file") == 1
    assert "boom" in capsys.readouterr().err


def test_debug_lets_the_error_through(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        run_door(raising(ConfigError("x")), ["--debug"], crash_folder=tmp_path)


@pytest.mark.parametrize(("message", "line"), [("", "(no message)"), ("\n---\n x \ny", "x"), ("one", "one")])
def test_first_meaningful_line(message: str, line: str) -> None:
    assert first_meaningful_line(message) == line
