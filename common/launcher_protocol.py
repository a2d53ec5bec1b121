"""What a job and the launcher that started it tell each other, in files of the folder that LAUNCH_LOG_DIR names.

The job's side writes (`note_...`, nothing without a launcher), the launcher's side reads (`read_...`).
"""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from common.environment import whole_number
from common.errors import ConfigError
from common.files import write_json

FOLDER_VARIABLE = "LAUNCH_LOG_DIR"
_HEARTBEAT, _FINAL, _RUN_FOLDER, _SCHEDULER = "heartbeat", "final.txt", "run_folder.txt", "scheduler.json"


@dataclass(frozen=True)
class RankRecord:
    """One rank: where it runs, and its exit code and time if it ended by itself."""

    rank: int
    host: str
    pid: int
    code: int | None = None
    ended: float | None = None


def launcher_folder() -> Path | None:
    """The launcher's folder, if a launcher started this process."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return Path(folder) if folder else None


def is_scheduler() -> bool:
    """Whether this process is MindSpore's scheduler of a job that a launcher started."""
    return os.environ.get("MS_ROLE") == "MS_SCHED" and launcher_folder() is not None


def heartbeat_file(folder: Path) -> Path:
    """The file that the main rank touches at its steps, and that is not there before and after them."""
    return folder / _HEARTBEAT


def worker_log(folder: Path, rank: int) -> Path:
    """The file that a rank's output goes to; msrun chose the name."""
    return folder / f"worker_{rank}.log"


def note_start() -> None:
    """This rank, or the scheduler, runs, here, as this process.

    Raises:
        ConfigError: the launcher's folder cannot be written.
    """
    try:
        _note()
    except OSError as error:
        folder = os.environ.get(FOLDER_VARIABLE)
        raise ConfigError(
            f"environment variable {FOLDER_VARIABLE}={folder}: cannot be written ({error.strerror}); "
            "unset it, or name the folder of the launcher"
        ) from error


def note_end(code: int) -> None:
    """This rank ends with an exit code."""
    _note(code, time.time())


def note_run_folder(path: Path) -> None:
    """This is where a restart goes on; the main rank tells."""
    if (folder := launcher_folder()) is not None:
        _write(folder / _RUN_FOLDER, str(path.absolute()))


def note_final(reason: str) -> None:
    """Starting this job again would end the same way."""
    if (folder := launcher_folder()) is not None:
        _write(folder / _FINAL, reason)


def read_ranks(folder: Path) -> list[RankRecord]:
    """Return the ranks that started, by rank."""
    records = []
    for path in folder.glob("rank_*.json"):
        try:
            records.append(RankRecord(**json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):  # from another version, or removed meanwhile
            continue
    return sorted(records, key=lambda record: record.rank)


def first_failed(folder: Path, pid: int | None = None, rank: int | None = None) -> RankRecord | None:
    """Return the rank that failed first.

    Args:
        folder: of the job.
        pid: of the process that the launcher blames.
        rank: that the launcher blames.
    """
    records = read_ranks(folder)
    for record in records:
        if record.pid == pid or record.rank == rank:
            return record
    failed = [record for record in records if record.code and record.ended is not None]
    if failed:
        return min(failed, key=lambda record: record.ended or 0.0)
    return next((record for record in records if record.code is None), None)


def read_scheduler(folder: Path) -> RankRecord | None:
    """Return where MindSpore's scheduler runs, if it does so on this host and has said so; its rank means nothing."""
    try:
        return RankRecord(**json.loads((folder / _SCHEDULER).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def read_final(folder: Path) -> str | None:
    """Return why the job said that starting it again would end the same way, if it did."""
    return _read(folder / _FINAL)


def read_run_folder(folder: Path) -> str | None:
    """Return the run folder that the job made or went on in."""
    return _read(folder / _RUN_FOLDER)


def _note(code: int | None = None, ended: float | None = None) -> None:
    folder = launcher_folder()
    if folder is None:
        return
    rank = whole_number("RANK_ID", os.environ) or 0
    name = _SCHEDULER if is_scheduler() else f"rank_{rank}.json"
    folder.mkdir(parents=True, exist_ok=True)  # on the other nodes of an mpirun
    write_json(folder / name, asdict(RankRecord(rank, platform.node(), os.getpid(), code, ended)))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="surrogateescape")  # a folder's name need not be UTF-8


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
