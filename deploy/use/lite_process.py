"""Processes of MindSpore Lite that may crash or hang, and what they said when they did."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.lifetime import end_with_parent
from deploy.use.lite_environment import LiteError

_GLOG = re.compile(r"^\[ERROR\] .*?\] (\w+\] )?")


def run_process(
    command: Sequence[str], what: str, seconds: float, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run a program with a time limit; it and its children are ended with the limit, or when the caller is interrupted.

    Args:
        command: program and arguments.
        what: what it does, in words, for the error.
        seconds: longest time.
        env: its environment; None takes the caller's.
        cwd: its folder.

    Returns:
        Standard output and error, mixed.

    Raises:
        LiteError: it failed, crashed or was too slow.
    """
    try:
        process = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    except OSError as error:
        raise LiteError(f"{what}: {command[0]}: {error.strerror}") from error
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise LiteError(f"{what}: not done within {seconds:g} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode:
        raise LiteError(f"{what} failed: {reason(process.returncode, said)}")
    return said


def reason(code: int, said: str) -> str:
    """Why a process ended, in one line.

    Args:
        code: its exit code.
        said: what it printed; Lite's log names the cause first and then everyone who passed it on.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("[ERROR]")]
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return f"the process was ended by {name}" + (f" after: {_GLOG.sub('', causes[-1])}" if causes else "")
    if causes:
        return _GLOG.sub("", causes[0])
    return lines[-1] if lines else f"exit code {code}"
