"""How a process lives and ends among others."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import logging
import os
import platform
import signal
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

from common.errors import ConfigError
from common.launcher_protocol import is_scheduler, launcher_folder, note_end, read_ranks

LAUNCHER_VARIABLE = "LAUNCH_PROCESS"  # host:pid:start of the launcher
_NPU_DRIVER = Path("/dev/davinci_manager")
_PR_SET_PDEATHSIG = 1
_SECONDS_BETWEEN_LOOKS = 1.0
_PATIENCE_WITH_PEERS, _SECONDS_BETWEEN_COUNTS = 2.0, 0.02


def end_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends, however that ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def end_with_launcher() -> None:
    """Make sure that this process does not outlive the launcher that started it, if one did.

    The kernel kills it with its parent. Between the two stand msrun or mpirun, and a parent may end before the kernel
    was asked: so a thread also looks for the launcher itself.
    """
    if launcher_folder() is None:
        return
    end_with_parent()
    name = os.environ.get(LAUNCHER_VARIABLE, "")
    if name.rsplit(":", 2)[0] == platform.node():
        threading.Thread(target=_end_with, args=(name,), name="launcher", daemon=True).start()


def process_name(pid: int) -> str | None:
    """Name a process for all time: host, pid, and when it was started; None if it does not live."""
    try:
        # The command, in brackets, may hold anything; state is the first field after it, the start time the 20th.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{platform.node()}:{pid}:{fields[19]}"


def leave_job(code: int) -> int:
    """Return the exit code, or, for a rank that failed among others, end the process with it at once.

    A clean shutdown of MindSpore's cluster waits for the peers, which are waiting for this rank.
    """
    with contextlib.suppress(OSError, ConfigError):  # the launcher's folder is gone, or was refused: it knows the code
        note_end(code)
    if code and os.environ.get("MS_ROLE"):
        leave_now(code)
    if not code:
        _wait_for_peers()
    return code


def _wait_for_peers() -> None:
    """Let every rank say that it ended well before MindSpore takes leave: who dies of that takes the others along."""
    folder, ranks = launcher_folder(), os.environ.get("MS_WORKER_NUM", "")
    if folder is None or is_scheduler() or not ranks.isdecimal():
        return
    until = time.monotonic() + _PATIENCE_WITH_PEERS
    while time.monotonic() < until and sum(record.code is not None for record in read_ranks(folder)) < int(ranks):
        time.sleep(_SECONDS_BETWEEN_COUNTS)


class QuickEnd:
    """Ends the process where Python would begin to take libraries apart: MindSpore's take half a second for nothing.

    In a rank, the thread that receives messages now and then died meanwhile, of a pointer to what was gone (exit code
    139 after a finished run). Make this first of all: it is then called after every other exit handler, among them
    MindSpore's, which takes leave of the job. Processes with an NPU end the long way: its driver is outside of them.

    Attributes:
        code: exit code; None leaves the end to Python.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        atexit.register(self)

    def __call__(self) -> None:
        """End, with everything written."""
        if self.code is None or "mindspore" not in sys.modules or _NPU_DRIVER.exists():
            return
        logging.shutdown()
        leave_now(self.code)


def leave_now(code: int) -> NoReturn:
    """End this process, with what it has printed but without asking its libraries."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _end_with(name: str) -> None:
    pid = int(name.split(":")[-2])
    while process_name(pid) == name:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGKILL)
