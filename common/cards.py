"""The Ascend cards of this machine, as the kernel lists them."""

from __future__ import annotations

from pathlib import Path

DEVICES = Path("/dev")


def card_files(devices: Path = DEVICES) -> list[Path]:
    """Return the device file of each card that this machine, or this container of it, has.

    Args:
        devices: the folder of device files.
    """
    return [path for path in devices.glob("davinci*") if path.name.removeprefix("davinci").isdigit()]
