"""What a process tells the launcher that started it, in the folder that LAUNCH_LOG_DIR names; else nothing."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import Any


def launcher_folder() -> Path | None:
    """The launcher's folder, if a launcher started this process."""
    folder = os.environ.get("LAUNCH_LOG_DIR")
    return Path(folder) if folder else None


def note_start() -> None:
    """This rank runs, here, as this process."""
    _note()


def note_end(code: int) -> None:
    """This rank ends with an exit code."""
    _note(code=code, ended=time.time())


def note_run_folder(path: Path) -> None:
    """This is where a restart goes on; the main rank tells."""
    if (folder := launcher_folder()) is not None:
        (folder / "run_folder.txt").write_text(str(path.absolute()))


def note_final(reason: str) -> None:
    """Starting this job again would end the same way."""
    if (folder := launcher_folder()) is not None:
        (folder / "final.txt").write_text(reason)


def _note(**details: Any) -> None:
    folder = launcher_folder()
    if folder is None or os.environ.get("MS_ROLE") == "MS_SCHED":
        return
    rank = int(os.environ.get("RANK_ID", "0"))
    values = {"rank": rank, "host": platform.node(), "pid": os.getpid(), **details}
    folder.mkdir(parents=True, exist_ok=True)  # on the other nodes of an mpirun
    temporary = folder / f".rank_{rank}.json"
    temporary.write_text(json.dumps(values))
    temporary.replace(folder / f"rank_{rank}.json")
