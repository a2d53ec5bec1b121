"""A stop signal ends a program in good order at every moment, whatever its libraries do to signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from common.signals import STOP_SIGNALS, handling, pass_to
from launch.plan import ROOT

# What a door's `main` is made of; `ready` says that the moment has come.
DOOR = """
import ctypes, os, signal, sys, threading, time
from common.door import open_door
from common.files import atomic_path
def ready(): print("ready", flush=True)
def main(argv):
{body}
    return 0
open_door(main)
"""


def start(body: str, ignored: Sequence[signal.Signals] = ()) -> subprocess.Popen[str]:
    """Start a program and wait until it is where it wants to be interrupted."""

    def begin() -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    code = DOOR.format(body="\n".join(f"    {line}" for line in body.splitlines()))
    program = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=begin,
    )
    assert program.stdout is not None
    line = b""
    while not line.endswith(b"\n"):  # byte by byte: what readline() reads ahead, communicate() does not return
        line += os.read(program.stdout.fileno(), 1)
    assert line == b"ready\n"
    return program


def end(program: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for its end; return exit code and everything that it said after `ready`."""
    output, errors = program.communicate(timeout=20)
    return program.returncode, output + errors


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [
        (signal.SIGINT, 130, "stopped by Ctrl-C\n"),
        (signal.SIGTERM, 143, "stopped by SIGTERM\n"),
        (signal.SIGUSR1, 138, "stopped by SIGUSR1 (the scheduler's warning)\n"),
        (signal.SIGHUP, 129, "stopped by SIGHUP (the terminal was closed)\n"),
    ],
)
def test_each_signal_has_its_code_and_its_line(number: signal.Signals, code: int, line: str) -> None:
    program = start("ready(); time.sleep(60)")

    program.send_signal(number)

    assert end(program) == (code, line)


@pytest.mark.parametrize(
    "body",
    [
        # A library that takes the signals for itself, past Python.
        "libc = ctypes.CDLL(None); ready(); [libc.signal(n, 1) for n in (2, 15)]; time.sleep(60)",
        # One that catches everything and goes on; and one that makes another error of it.
        "ready()\nwhile True:\n    try: time.sleep(60)\n    except BaseException: pass",
        "ready()\ntry: time.sleep(60)\nexcept BaseException as e: raise RuntimeError('C++ call stack') from e",
        # C code that does not come back to the interpreter, and threads that nobody waits for.
        "ready(); ctypes.CDLL(None).sleep(60); ctypes.CDLL(None).sleep(60)",
        "threading.Thread(target=time.sleep, args=(60,)).start(); ready(); time.sleep(60)",
        # Output that nobody reads: the console is full, and whoever writes to it waits.
        "ready(); sys.stdout.write('x' * 1_000_000); sys.stdout.flush()",
    ],
    ids=["stolen", "swallowed", "renamed", "in C", "threads", "full pipe"],
)
def test_no_library_keeps_the_process_from_ending(body: str) -> None:
    program = start(body)
    time.sleep(0.2)

    clock = time.monotonic()
    program.send_signal(signal.SIGINT)
    code, said = end(program)

    assert code == 130
    assert said.replace("x", "").strip() in ("stopped by Ctrl-C", "")  # nothing, where nobody reads
    assert time.monotonic() - clock < 10


def test_a_library_that_keeps_the_interpreter_can_be_ended_where_that_was_said() -> None:
    program = start(
        "from common.signals import ending_at_once\nwith ending_at_once(): ready(); ctypes.PyDLL(None).sleep(60)"
    )

    program.send_signal(signal.SIGTERM)

    assert end(program) == (-signal.SIGTERM, "")


def test_afterwards_signals_have_their_line_again() -> None:
    program = start("from common.signals import ending_at_once\nwith ending_at_once(): pass\nready(); time.sleep(60)")

    program.send_signal(signal.SIGTERM)

    assert end(program) == (143, "stopped by SIGTERM\n")


def test_what_such_a_library_starts_leaves_signals_to_the_door() -> None:
    """Else they would come to its threads, past the rule that a rank heeds the first one only."""
    program = start(
        "from common.signals import ending_at_once, STOP_SIGNALS\n"
        "def look(): print({*STOP_SIGNALS} <= signal.pthread_sigmask(signal.SIG_BLOCK, ()))\n"
        "ready()\n"
        "with ending_at_once():\n"
        "    thread = threading.Thread(target=look); thread.start(); thread.join()"
    )

    assert end(program) == (0, "True\n")


def test_files_that_were_being_written_are_removed(tmp_path: Path) -> None:
    program = start(f"import pathlib\nwith atomic_path(pathlib.Path({str(tmp_path)!r}) / 'x') as p:\n"
                    "    p.touch(); ready(); time.sleep(60)")  # fmt: skip

    program.send_signal(signal.SIGTERM)

    assert end(program)[0] == 143
    assert list(tmp_path.iterdir()) == []


def test_a_second_signal_ends_at_once() -> None:
    program = start("ready()\nwhile True:\n    try: time.sleep(60)\n    except BaseException: pass")

    clock = time.monotonic()
    program.send_signal(signal.SIGINT)
    time.sleep(0.3)
    program.send_signal(signal.SIGINT)

    assert end(program)[0] == 130
    assert time.monotonic() - clock < 1.5


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    """As nohup and a shell's background jobs want it."""
    program = start("ready(); time.sleep(0.5)", ignored=[signal.SIGHUP, signal.SIGINT])

    program.send_signal(signal.SIGHUP)
    program.send_signal(signal.SIGINT)

    assert end(program) == (0, "")


def test_programs_started_by_fork_can_be_ended() -> None:
    body = "pid = os.fork()\nif pid == 0: time.sleep(60)\nready(); os.kill(pid, 15); print(os.waitpid(pid, 0)[1])"

    assert end(start(body)) == (0, "15\n")


def test_a_server_that_answers_itself_and_sends_the_signal_on_has_the_same_code() -> None:
    body = (
        "came = threading.Event(); signal.signal(2, lambda *_: came.set()); ready(); came.wait(20)\n"
        "signal.raise_signal(2)"
    )
    program = start(body)

    program.send_signal(signal.SIGINT)

    assert end(program) == (130, "stopped by Ctrl-C\n")


def test_nothing_is_said_after_the_last_line() -> None:
    body = (
        "os.dup2(1, 2); write = os.write\n"
        "def slowly(*what): write(*what); time.sleep(0.2)\n"
        "os.write = slowly; ready()\n"
        "while True: print('training', flush=True); time.sleep(0.001)"
    )
    program = start(body)

    program.send_signal(signal.SIGINT)
    code, said = end(program)

    assert (code, said.splitlines()[-1]) == (130, "stopped by Ctrl-C")


@pytest.mark.parametrize("line", range(1, 40, 5))
def test_a_door_that_is_only_being_opened_is_no_exception(line: int) -> None:
    """The signal comes after so many lines of `open_door` and what it calls."""
    code = f"""
import os, signal, sys, time
signal.signal(2, signal.default_int_handler)  # a shell's background job is started with Ctrl-C ignored
from common import door
lines = 0
def trace(frame, event, argument):
    global lines
    if event == "line" and "/common/" in frame.f_code.co_filename:
        lines += 1
        if lines == {line}: os.kill(os.getpid(), 2)
    return trace
def main(argv):
    sys.settrace(None)
    if lines < {line}: os.kill(os.getpid(), 2)
    time.sleep(60)
start = door.watch_signals
def watch(handler, **options):
    start(handler, **options)
    sys.settrace(trace)
    sys._getframe(1).f_trace = trace
door.watch_signals = watch
door.open_door(main)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=20)

    assert (done.returncode, done.stdout + done.stderr) == (130, "stopped by Ctrl-C\n")


def test_handlers_come_before_the_ones_before_them() -> None:
    heard: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append("outer"))

    def inner(number: int, frame: FrameType | None, previous: Any) -> None:
        heard.append("inner")
        pass_to(previous, number, frame)

    with handling(inner):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    signal.signal(signal.SIGTERM, before)

    assert heard == ["inner", "outer", "outer"]
