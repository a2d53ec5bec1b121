"""What cross-validation leaves behind: folds.json, predictions.csv, and what is said about them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.files import atomic_path, write_json
from common.names import printable
from common.results import EvaluationResult
from datazoo.pictures import PictureSet

_SHOWN_MISTAKES = 10


@dataclass(frozen=True)
class OutOfFold:
    """What networks said about pictures that they were not trained on.

    Args:
        rows: (M,) which of the pool's pictures, fold by fold.
        folds: (M,) the fold, from 1, that held the picture out.
        predicted: (M,) class indices.
        confidence: (M,) probability of the predicted class.
        top1: share of right answers, by fold.
        photos: number of photos behind the pool.
        result: over all pictures.
    """

    rows: np.ndarray
    folds: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    top1: tuple[float, ...]
    photos: int
    result: EvaluationResult


def write_folds(folder: Path, pool: Sequence[PictureSet], found: OutOfFold, what: str) -> None:
    """Write folds.json and predictions.csv, and say what is in them.

    Args:
        folder: where.
        pool: the pictures that `found.rows` counts through.
        found: the predictions.
        what: what predicted, `head` or `network`.
    """
    result, labels = found.result, np.concatenate([part.labels for part in pool])
    spread = {"mean": float(np.mean(found.top1)), "min": min(found.top1), "max": max(found.top1)}
    lines = prediction_lines(pool, found, labels)
    with atomic_path(folder / "predictions.csv") as path, path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, ["path", "label", "predicted", "confidence", "fold"])
        table.writeheader()
        table.writerows(lines)
    write_json(
        folder / "folds.json",
        {
            "folds": len(found.top1),
            "photos": found.photos,
            "top1_by_fold": {**spread, "values": list(found.top1)},
            "classes": list(pool[0].classes),
            **result.to_json(),
        },
    )
    print(result.table())
    wrong = [line for line in lines if line["label"] != line["predicted"]]
    if wrong:
        print(f"surest mistakes, and so the likeliest wrong labels, of {len(wrong)}:")
    for line in wrong[:_SHOWN_MISTAKES]:
        print(
            f"  {printable(line['path'])}: labelled {printable(line['label'])}, "
            f"taken for {printable(line['predicted'])} ({float(line['confidence']):.1%})"
        )
    print(f"folds: top-1 {spread['mean']:.2%} on average ({spread['min']:.2%} to {spread['max']:.2%})")
    print(f"all {result.n} pictures of {found.photos} photos, each by a {what} that had not seen its photo: {result}")
    print(f"saved in {printable(folder)}: folds.json, predictions.csv")


def prediction_lines(pool: Sequence[PictureSet], found: OutOfFold, labels: np.ndarray) -> list[dict[str, str]]:
    """Return one line a picture: wrong answers first, the surest of them at the top.

    Args:
        pool: the pictures that `found.rows` counts through.
        found: the predictions.
        labels: (N,) of the pool.
    """
    names = [str(path) for part in pool for path in part.files or (f"{part.split}[{i}]" for i in range(len(part)))]
    classes = pool[0].classes
    order = np.lexsort((-found.confidence, found.predicted == labels[found.rows]))
    return [
        {
            "path": names[found.rows[i]],
            "label": classes[labels[found.rows[i]]],
            "predicted": classes[found.predicted[i]],
            "confidence": f"{found.confidence[i]:.4f}",
            "fold": str(found.folds[i]),
        }
        for i in order
    ]
