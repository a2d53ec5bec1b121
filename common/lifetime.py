"""How a process ends among others."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from common.launcher_protocol import note_end

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends, however that ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def leave_job(code: int) -> int:
    """Return the exit code, or, for a rank that failed among others, end the process with it at once.

    A clean shutdown of MindSpore's cluster waits for the peers, which are waiting for this rank.
    """
    note_end(code)
    if code and "MS_ROLE" in os.environ:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
