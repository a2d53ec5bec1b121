"""Whether this machine has NPUs, before MindSpore is loaded."""

from __future__ import annotations

from pathlib import Path

DEVICES = Path("/dev")


def card_count(devices: Path = DEVICES) -> int:
    """How many NPUs the driver shows: /dev/davinci0, /dev/davinci1, ... (davinci_manager is none)."""
    return sum(path.name.removeprefix("davinci").isdigit() for path in devices.glob("davinci*"))
