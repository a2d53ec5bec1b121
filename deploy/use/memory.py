"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Return the pages of freed memory to the system.

    glibc keeps what each thread freed for the thread's next picture, and large pictures leave hundreds of megabytes.
    Other C libraries have no such call, and need none.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
