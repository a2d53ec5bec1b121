"""What the ranks of a job wrote about their start and end (engine/runtime/lifetime.py writes it)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RankRecord:
    """One rank: where it runs, and its exit code and time if it ended by itself."""

    rank: int
    host: str
    pid: int
    code: int | None = None
    ended: float | None = None


def read_ranks(log_dir: Path) -> list[RankRecord]:
    """Return the ranks that started, by rank."""
    records = []
    for path in log_dir.glob("rank_*.json"):
        try:
            values: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError):  # being written
            continue
        records.append(RankRecord(**values))
    return sorted(records, key=lambda record: record.rank)


def first_failed(log_dir: Path, pid: int | None = None, rank: int | None = None) -> RankRecord | None:
    """Return the rank that failed first.

    Args:
        log_dir: of the job.
        pid: of the process that the launcher blames.
        rank: that the launcher blames.
    """
    records = read_ranks(log_dir)
    for record in records:
        if record.pid == pid or record.rank == rank:
            return record
    failed = [record for record in records if record.code and record.ended is not None]
    if failed:
        return min(failed, key=lambda record: record.ended or 0.0)
    return next((record for record in records if record.code is None), None)


def final_reason(log_dir: Path) -> str | None:
    """Return why the job said that starting it again would end the same way, if it did."""
    try:
        return (log_dir / "final.txt").read_text()
    except OSError:
        return None


def run_folder(log_dir: Path) -> str | None:
    """Return the run folder that the job made or went on in."""
    try:
        return (log_dir / "run_folder.txt").read_text()
    except OSError:
        return None
