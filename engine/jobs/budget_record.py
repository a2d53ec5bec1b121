"""budget.json: what every method brought, for the report and for a run that goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from common.errors import RunError
from engine.jobs.budget_ladder import Attempt, Ladder, Scored


def record_of(ladder: Ladder, budget: float, seconds: float, n_val: int) -> dict[str, object]:
    """What is recorded.

    Args:
        ladder: what was tried.
        budget: seconds that were given.
        seconds: that were used so far.
        n_val: number of validation pictures.
    """
    chosen = ladder.chosen
    return {
        "budget_seconds": budget,
        "seconds": seconds,
        "n_val": n_val,
        "val_photos": int(ladder.photos.max()) + 1 if chosen is not None else None,
        "chosen": None if chosen is None else chosen.method,
        "methods": [_method(attempt, ladder, attempt is chosen) for attempt in ladder.attempts],
    }


def _method(attempt: Attempt, ladder: Ladder, is_chosen: bool) -> dict[str, object]:
    scored = attempt.scored
    row: dict[str, object] = {
        "method": attempt.method,
        "state": attempt.state,
        "seconds": attempt.seconds,
        "chosen": is_chosen,
        "reason": attempt.reason,
        "forecast": attempt.forecast,
        "left": attempt.left,
    }
    if scored is None:
        return row
    difference = ladder.difference(attempt)
    return {
        **row,
        "run": scored.run,
        "epochs": scored.epochs,
        "note": scored.note,
        "n": len(scored.right),
        "correct": int(scored.right.sum()),
        "difference": None if difference is None else asdict(difference),
        "wrong": np.flatnonzero(~scored.right).tolist(),
    }


def attempts_of(record: Mapping[str, Any], n_val: int) -> Sequence[Attempt]:
    """Read the attempts of a start before.

    Args:
        record: of `record_of`; empty where there was none.
        n_val: number of validation pictures of this start.

    Raises:
        RunError: damaged.
    """
    try:
        return [_attempt(row, n_val) for row in record.get("methods", ())]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise RunError(f"budget.json is damaged ({error!r}); start a new run, without --resume") from error


def _attempt(row: Mapping[str, Any], n_val: int) -> Attempt:
    method, seconds = str(row["method"]), float(row["seconds"])
    if row["state"] != "done":
        return Attempt(method, "left_out", seconds, reason=str(row["reason"]))
    right = np.ones(n_val, bool)
    right[[int(place) for place in row["wrong"]]] = False
    note = None if row["note"] is None else str(row["note"])
    return Attempt(method, "done", seconds, Scored(str(row["run"]), right, int(row["epochs"]), note))
