"""Other processes of this host."""

from __future__ import annotations

from pathlib import Path


def is_alive(pid: object) -> bool:
    """Return whether this is the number of a process on this host; one that was not waited for yet has ended."""
    if not isinstance(pid, int):
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
