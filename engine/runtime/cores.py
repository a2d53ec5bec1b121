"""Which cores a process keeps to that is to use fewer than it may."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def cores_of_rank(cores: Sequence[int], threads: int, rank: int) -> list[int]:
    """The share of one rank among others on this machine: the next `threads` cores, from the first again at the end."""
    return sorted({cores[(rank * threads + i) % len(cores)] for i in range(threads)})


def least_wanted(cores: Sequence[int], threads: int, processes: Path = Path("/proc")) -> list[int]:
    """The `threads` cores that the fewest processes are bound to: two runs side by side do not share one.

    Args:
        cores: that this process may run on.
        threads: fewer than these.
        processes: where the kernel lists them.
    """
    bound = dict.fromkeys(cores, 0)
    for folder in processes.glob("[0-9]*"):
        for core in _bound_to(folder, len(cores)):
            if core in bound:
                bound[core] += 1
    return sorted(sorted(cores, key=lambda core: (bound[core], core))[:threads])


def _bound_to(process: Path, cores: int) -> set[int]:
    """The cores of a process that may not use as many as we; the kernel's own threads, which have no command, may."""
    try:
        if not (process / "cmdline").read_bytes():
            return set()
        mine = os.sched_getaffinity(int(process.name))
    except OSError:  # it has ended
        return set()
    return mine if len(mine) < cores else set()
