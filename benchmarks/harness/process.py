"""One contender in a fresh process of its own, on cores of its own."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.contest import Contender, Script, Values

ROOT = Path(__file__).resolve().parents[2]
SMALL_PARENT = str(Path(__file__).with_name("small_parent.py"))
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class ContenderFailed(Exception):
    """A process ended with another code than 0; the message has its last words."""


def measure(contender: Contender, threads: int) -> Values:
    """Run a contender and return what it cost, its own figures first.

    Args:
        contender: whom.
        threads: of each of its processes.

    Raises:
        ContenderFailed: it does not end with code 0.
    """
    outside, output = run_alone(contender, threads)
    return {**outside, **own_figures(output)}


def report_of(script: Script, threads: int, rounds: int) -> object:
    """Run a script that measures by itself and return its JSON.

    Args:
        script: which.
        threads: cores that it and what it starts may use.
        rounds: turns of each of its contenders.

    Raises:
        ContenderFailed: it does not end with code 0, or tells no JSON.
    """
    command = (*script.command, "--rounds", str(rounds))
    _, printed = run_alone(Contender(script.name, command), threads)
    try:
        return json.loads(printed if script.output is None else script.output.read_text())
    except (OSError, ValueError) as error:
        raise ContenderFailed(f"{script.name} told no JSON: {error}") from error


def run_alone(contender: Contender, threads: int) -> tuple[Values, str]:
    """Run a contender in a fresh process; returns what it cost, as seen from outside, and what it printed.

    Raises:
        ContenderFailed: it does not end with code 0, or cannot be started.
    """
    cores = sorted(os.sched_getaffinity(0))[: threads * contender.processes]
    with tempfile.TemporaryFile("w+") as output, tempfile.NamedTemporaryFile("w+") as cost:
        done = subprocess.run(
            [sys.executable, "-I", "-S", SMALL_PARENT, cost.name, *contender.command], cwd=ROOT,
            env=environment(threads), stdout=output, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )  # fmt: skip
        output.seek(0)
        text, told = output.read(), cost.read()
    values = json.loads(told) if told else {"code": done.returncode}
    if code := values.pop("code"):
        last_words = " / ".join((done.stderr or text).strip().splitlines()[-3:])
        raise ContenderFailed(f"{contender.name} ended with {code}: {last_words}")
    return values, text


def own_figures(output: str) -> dict[str, float]:
    """The numbers of a JSON object in the last line, if there is one."""
    try:
        told = json.loads(output.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {key: float(value) for key, value in told.items() if isinstance(value, int | float)}


def environment(threads: int) -> dict[str, str]:
    """The variables of a contender."""
    return {**os.environ, "GLOG_v": "3", "PYTHONPATH": str(ROOT), **dict.fromkeys(THREAD_VARIABLES, str(threads))}


def prepare(command: Sequence[str], threads: int) -> None:
    """Run a command that a benchmark needs before.

    Raises:
        ContenderFailed: it does not end with code 0.
    """
    measure(Contender("preparation", tuple(command)), threads)


@functools.cache
def has_module(python: str, module: str) -> bool:
    """Whether an interpreter has a module."""
    question = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    try:
        return subprocess.run([python, "-c", question], capture_output=True).returncode == 0
    except OSError:
        return False
