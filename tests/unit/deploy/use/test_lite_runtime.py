"""Processes of MindSpore Lite may crash, hang or talk; their caller goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploy.use.lite_environment import LiteEnvironment, LiteError
from deploy.use.lite_process import reason, run_process
from deploy.use.lite_runtime import LiteCrash, LiteRuntime

SHAPE = (1, 2, 2)
START = """
import os, struct, sys, time
import numpy as np
out = os.fdopen(os.dup(1), "wb")
def ready(): out.write(b"ready 1 2 2 1\\n"); out.flush()
def read(): return np.frombuffer(sys.stdin.buffer.read(16), np.float32)
def answer(*values):
    out.write(struct.pack("<dI", 0.5, len(values)) + np.array(values, np.float32).tobytes()); out.flush()
"""


@pytest.fixture
def make_runtime(tmp_path: Path) -> Callable[..., LiteRuntime]:
    """A runtime whose worker is a Python script."""

    def make(script: str, **options: Any) -> LiteRuntime:
        program = tmp_path / "worker"
        (tmp_path / "worker.py").write_text(START + script)
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/worker.py" "$@"\n')
        program.chmod(0o755)
        environment = LiteEnvironment(version="0", package=Path(), libraries=(), headers=(), worker=program)
        return LiteRuntime(tmp_path / "model.ms", SHAPE, environment=environment, **options)

    return make


def _batch(*values: float) -> np.ndarray:
    return np.stack([np.full(SHAPE, value, np.float32) for value in values])


def test_outputs_come_in_the_order_of_the_inputs(make_runtime: Callable[..., LiteRuntime]) -> None:
    runtime = make_runtime("ready()\nwhile True: answer(read().sum(), 7)")

    outputs = runtime(_batch(1, 2, 3))

    np.testing.assert_array_equal(outputs, [[4, 7], [8, 7], [12, 7]])
    assert runtime.input_shape == (1, 2, 2, 1)
    assert runtime.seconds_of_last == 0.5


def test_file_that_cannot_be_loaded_is_named_with_the_cause(make_runtime: Callable[..., LiteRuntime]) -> None:
    script = "print('[ERROR] ME(1,2,w):2030-01-01 [a/b.cc:1] Load] no such operator', file=sys.stderr); sys.exit(1)"

    with pytest.raises(LiteError, match=r"model\.ms: MindSpore Lite 0 cannot load it: no such operator"):
        make_runtime(script)


def test_crash_is_an_error_and_the_next_call_starts_anew(
    make_runtime: Callable[..., LiteRuntime], tmp_path: Path
) -> None:
    runtime = make_runtime("""
ready()
while True:
    value = read().sum()
    if value > 10:
        os.kill(os.getpid(), 11)
    answer(value)
""")

    with pytest.raises(LiteCrash, match="SIGSEGV"):
        runtime(_batch(5))

    np.testing.assert_array_equal(runtime(_batch(1)), [[4]])


def test_hang_ends_with_the_time_limit(make_runtime: Callable[..., LiteRuntime]) -> None:
    runtime = make_runtime("ready()\nread()\ntime.sleep(60)", seconds=0.5)
    start = time.monotonic()

    with pytest.raises(LiteCrash, match=r"not within 0\.5 s"):
        runtime(_batch(1))

    assert time.monotonic() - start < 20


def test_picture_of_another_size_is_refused_before_it_is_sent(make_runtime: Callable[..., LiteRuntime]) -> None:
    runtime = make_runtime("ready()\nwhile True: answer(read().sum())")

    with pytest.raises(LiteError, match="shape"):
        runtime(np.zeros((1, 1, 3, 3), np.float32))


def test_way_that_is_not_there_is_refused(make_runtime: Callable[..., LiteRuntime]) -> None:
    with pytest.raises(LiteError, match="by python"):
        make_runtime("ready()", language="python")


def test_process_and_its_children_end_with_the_time_limit(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"(sleep 2; touch {mark}) & wait"

    with pytest.raises(LiteError, match=r"trying: not done within 0\.5 s"):
        run_process(["sh", "-c", script], "trying", 0.5)

    time.sleep(2.5)
    assert not mark.exists()


def test_program_that_is_not_there_is_bad_input() -> None:
    with pytest.raises(LiteError, match="nowhere"):
        run_process(["/nowhere/program"], "trying", 1)


@pytest.mark.parametrize(
    ("code", "said", "expected"),
    [
        (1, "[ERROR] A(1):t [f.cc:1] F] first\n[ERROR] A(1):t [g.cc:2] G] passed on\nTraceback", "first"),
        (1, "Traceback\nValueError: bad", "ValueError: bad"),
        (-11, "", "the process was ended by SIGSEGV"),
        (3, "", "exit code 3"),
    ],
)
def test_reason_is_the_first_cause(code: int, said: str, expected: str) -> None:
    assert reason(code, said) == expected
