"""What every method of a time budget brought, as budget.json tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import ReportError


@dataclass(frozen=True)
class TriedMethod:
    """One method, in the order in which they were tried.

    Args:
        name: of the method.
        seconds: that it took, measuring included.
        chosen: whether it is the one that is kept.
        correct: val pictures that it got right; None where it was left out.
        n: number of val pictures.
        difference: of top-1 to the method before; None for the first.
        interval: 95 % interval of the difference.
        forecast: seconds that it would have taken, and
        left: seconds that were left, where it was left out for that.
    """

    name: str
    seconds: float
    chosen: bool
    correct: int | None = None
    n: int | None = None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    forecast: float | None = None
    left: float | None = None

    @property
    def top1(self) -> float | None:
        """Share of val pictures that were right."""
        return self.correct / self.n if self.correct is not None and self.n else None


@dataclass(frozen=True)
class SpentBudget:
    """A time budget and the methods it was spent on."""

    budget_seconds: float
    seconds: float
    n_val: int
    val_photos: int | None
    methods: tuple[TriedMethod, ...]

    @property
    def scored(self) -> int:
        """Number of methods that val chose among."""
        return sum(method.correct is not None for method in self.methods)


def read_budget(run: Path) -> SpentBudget | None:
    """Read budget.json; None where the run had no budget.

    Raises:
        ReportError: a damaged file.
    """
    path = run / "budget.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return SpentBudget(
            float(values["budget_seconds"]),
            float(values["seconds"]),
            int(values["n_val"]),
            None if values["val_photos"] is None else int(values["val_photos"]),
            tuple(_method(row) for row in values["methods"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReportError(f"{path}: damaged ({error!r})") from error


def _method(row: Mapping[str, Any]) -> TriedMethod:
    name, seconds, chosen = str(row["method"]), float(row["seconds"]), bool(row["chosen"])
    if row["state"] != "done":
        forecast, left = (None if row[key] is None else float(row[key]) for key in ("forecast", "left"))
        return TriedMethod(name, seconds, chosen, forecast=forecast, left=left)
    difference = row["difference"]
    low, high = (None, None) if difference is None else (float(bound) for bound in difference["interval"])
    return TriedMethod(
        name,
        seconds,
        chosen,
        int(row["correct"]),
        int(row["n"]),
        None if difference is None else float(difference["top1"]),
        None if low is None or high is None else (low, high),
    )
