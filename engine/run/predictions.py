"""predictions_<split>.csv: what the network took every picture for, for the report and for people."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

from PIL import Image

from common.files import atomic_path
from common.results import EvaluationResult
from datazoo.packed import PackedFile
from datazoo.pictures import PictureSet
from report.predictions import Prediction

logger = logging.getLogger(__name__)

MOST_WRONG_PICTURES = 200
"""Of pictures that are in no files, as many wrong ones are kept as files, to be looked at."""


def write_predictions(run: Path, pictures: PictureSet, result: EvaluationResult) -> dict[int, Prediction]:
    """Write a row a picture, in the split's order: path, label, predicted class, its probability.

    Args:
        run: the run folder.
        pictures: the split.
        result: with answers; without, nothing is written.

    Returns:
        What was written, by the picture's place in the split.
    """
    if result.answers is None:
        return {}
    wrong = [i for i, answer in enumerate(result.answers) if answer.predicted not in (-1, pictures.labels[i])]
    shown = _in_files(run, pictures, wrong[:MOST_WRONG_PICTURES]) if pictures.arrays is not None else {}
    rows = {}
    for index, answer in enumerate(result.answers):
        if answer.predicted < 0:
            continue  # could not be read; the check of the pictures has said so
        if pictures.files is not None:
            file = pictures.files[index]
            name = str(file if isinstance(file, PackedFile) else file.absolute())
        else:
            name = shown.get(index, f"{pictures.split} {index}")
        label = pictures.classes[pictures.labels[index]]
        rows[index] = Prediction(name, label, pictures.classes[answer.predicted], answer.confidence)
    with (
        atomic_path(run / f"predictions_{pictures.split}.csv") as path,
        path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
    ):
        table = csv.writer(stream)
        table.writerow(["path", "label", "predicted", "confidence"])
        table.writerows([row.path, row.label, row.predicted, f"{row.confidence:.4f}"] for row in rows.values())
    return rows


def _in_files(run: Path, pictures: PictureSet, rows: list[int]) -> dict[int, str]:
    """Write pictures in memory as PNG below the run folder; return their names within it."""
    assert pictures.arrays is not None
    folder = run / "wrong_pictures"
    folder.mkdir(exist_ok=True)
    names = {}
    for row in rows:
        name = f"wrong_pictures/{pictures.split}_{row}.png"
        picture = pictures.arrays[row]
        Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(run / name)
        names[row] = name
    return names
