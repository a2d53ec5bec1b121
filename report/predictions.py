"""What the network said about every picture of a split, as the run wrote it down."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from common.errors import ReportError


@dataclass(frozen=True)
class Prediction:
    """One picture: its file, its label, what it was taken for, and how surely (0..1)."""

    path: str
    label: str
    predicted: str
    confidence: float

    @property
    def is_right(self) -> bool:
        """Whether the label was predicted."""
        return self.label == self.predicted


def read_predictions(run: Path, split: str) -> tuple[Prediction, ...] | None:
    """Read `predictions_<split>.csv`.

    Args:
        run: the run folder.
        split: whose predictions.

    Returns:
        None where the run, such as an older one, has no such file.

    Raises:
        ReportError: a damaged file.
    """
    path = run / f"predictions_{split}.csv"
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return tuple(_prediction(row, run) for row in csv.DictReader(stream))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReportError(f"{path}: cannot be read ({error})") from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        what = f"column {error} is missing" if isinstance(error, KeyError) else str(error)
        raise ReportError(f"{path}: damaged: {what}") from error


def _prediction(row: dict[str, str], run: Path) -> Prediction:
    """Read a row; a path that is not absolute lies in the run folder."""
    confidence = float(row["confidence"])
    if not (math.isfinite(confidence) and 0 <= confidence <= 1):
        raise ValueError(f"confidence {row['confidence']} of {row['path']}")
    return Prediction(str(run / row["path"]), row["label"], row["predicted"], confidence)
