"""What a contender cost, as seen from outside."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks.harness.contest import Contender
from benchmarks.harness.process import ContenderFailed, measure, run_alone

MIB = 1 << 20


def contender(program: str) -> Contender:
    return Contender("one", (sys.executable, "-c", program))


def test_the_memory_of_the_benchmark_itself_is_not_counted() -> None:
    held = np.ones(400 * MIB, np.uint8)

    assert measure(contender("pass"), 1)["memory"] < 100
    assert held[-1] == 1


def test_the_most_memory_counts_though_it_was_given_back() -> None:
    assert 200 < measure(contender(f"x = bytearray({200 * MIB}); del x"), 1)["memory"] < 300


def test_the_memory_and_time_of_processes_that_it_started_count() -> None:
    program = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', "
        f"'x = bytearray({200 * MIB}); import time; t = time.process_time()\\nwhile time.process_time() < t + 0.3: 0'])"
    )

    cost = measure(contender(program), 1)

    assert cost["memory"] > 200
    assert cost["cpu"] > 0.3


def test_what_it_prints_is_returned_and_its_own_figures_are_read() -> None:
    assert run_alone(contender("print('a'); print('{\"step\": 2}')"), 1)[1] == 'a\n{"step": 2}\n'
    assert measure(contender("print('{\"step\": 2}')"), 1)["step"] == 2


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('no data')", "one ended with 1: no data"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "one ended with -9"),
    ],
)
def test_one_that_fails_is_said_with_its_last_words(program: str, said: str) -> None:
    with pytest.raises(ContenderFailed, match=said):
        run_alone(contender(program), 1)


def test_a_program_that_is_not_there_is_said() -> None:
    with pytest.raises(ContenderFailed, match="no-such-program"):
        run_alone(Contender("one", ("no-such-program",)), 1)
