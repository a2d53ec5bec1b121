"""Whether a run folder can be made, asked before anything is computed."""

from __future__ import annotations

import os
from pathlib import Path

from common.errors import RunError
from common.names import printable

_LONGEST_NAME = 220  # bytes, of the 255 that file systems allow: `-seed0-2` and the like follow


def check_output_dir(output_dir: Path, name: str) -> None:
    """Refuse a place where no run folder can be made; nothing is written.

    Args:
        output_dir: the recipe's.
        name: the run's.

    Raises:
        RunError: a file is in the way, the place cannot be written, or the name is too long.
    """
    whole = output_dir.absolute()
    place = next(path for path in (whole, *whole.parents) if os.path.lexists(path))
    if not place.is_dir():
        raise RunError(
            f"output_dir {printable(output_dir)}: {printable(place)} is no folder; name another --output_dir"
        )
    if not os.access(place, os.W_OK | os.X_OK):
        raise RunError(
            f"output_dir {printable(output_dir)}: {printable(place)} cannot be written; name another --output_dir"
        )
    if len(os.fsencode(name)) > _LONGEST_NAME:
        raise RunError(f"name: longer than the {_LONGEST_NAME} bytes that fit a folder's name; choose another --name")
