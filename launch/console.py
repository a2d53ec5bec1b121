"""What a user should see of the lines of MindSpore's launcher and scheduler."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_CHATTER = re.compile(r"^\[(ERROR|WARNING|INFO)\] (ME|DISTRIBUTED|PS)\(|^Start (scheduler|worker) process")
_TRACEBACK = "Traceback (most recent call last):"
_SILENT = re.compile(r"The node: (\d+) is timed out")
_IN_MSRUN = re.compile(r'\s+File ".*/msrun", line')


def worth_showing(lines: Iterable[str]) -> Iterator[str]:
    """Leave out msrun's notes to itself, and the traceback with which it says that a rank has failed.

    What a rank prints passes at once, its own tracebacks too; only a traceback's first line waits for the second.
    """
    held, inside = "", False
    for line in lines:
        if inside:
            inside = line[:1].isspace()  # the error's own line, the last one, starts at the margin
            continue
        if held:
            inside = _IN_MSRUN.match(line) is not None
            if not inside:
                yield held
            held = ""
            if inside:
                continue
        if line.startswith(_TRACEBACK):
            held = line
        elif not _CHATTER.match(line):
            yield line
    if held:
        yield held


def silent_ranks(scheduler_log: Path) -> list[int]:
    """Return the ranks of which MindSpore's scheduler has had no sign of life for too long, in the order it says so."""
    if not scheduler_log.exists():
        return []
    text = scheduler_log.read_text(encoding="utf-8", errors="replace")
    return list(dict.fromkeys(map(int, _SILENT.findall(text))))
