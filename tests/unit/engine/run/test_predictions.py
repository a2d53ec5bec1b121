from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from common.results import Answer, EvaluationResult
from datazoo.packed import PackedFile, Shard
from datazoo.pictures import PictureSet
from engine.run.predictions import write_predictions

NAMES = ("cat", "dog")


def result(*answers: Answer) -> EvaluationResult:
    return EvaluationResult(3, 2, 0.6, 1.0, 0.1, (0, 1), 0.5, (), ((1, 0), (1, 1)), answers)


def written(run: Path, pictures: PictureSet, *answers: Answer) -> list[dict[str, str]]:
    write_predictions(run, pictures, result(*answers))
    with (run / f"predictions_{pictures.split}.csv").open(
        encoding="utf-8", errors="surrogateescape", newline=""
    ) as stream:
        return list(csv.DictReader(stream))


def test_each_picture_has_a_row_and_whatever_name_it_has(tmp_path: Path) -> None:
    files = (tmp_path / "a,b.jpg", tmp_path / "line\nbreak.jpg", Path("relative.jpg"))
    pictures = PictureSet("test", NAMES, np.array([0, 1, 1], np.int32), paths=files)

    found = written(tmp_path, pictures, Answer(0, 0.9), Answer(0, 0.75), Answer(1, 1.0))

    assert [row["path"] for row in found] == [str(path.absolute()) for path in files]
    assert [(row["label"], row["predicted"], row["confidence"]) for row in found] == [
        ("cat", "cat", "0.9000"),
        ("dog", "cat", "0.7500"),
        ("dog", "dog", "1.0000"),
    ]


def test_wrong_pictures_that_are_in_no_files_are_kept_to_be_looked_at(tmp_path: Path) -> None:
    arrays = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4, 1)
    pictures = PictureSet("val", NAMES, np.array([0, 1, 1], np.int32), arrays=arrays)

    found = written(tmp_path, pictures, Answer(0, 0.9), Answer(0, 0.75), Answer(1, 1.0))

    assert [row["path"] for row in found] == ["val 0", "wrong_pictures/val_1.png", "val 2"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / found[1]["path"])), arrays[1, ..., 0])


def test_a_picture_in_a_shard_is_called_by_shard_and_member(tmp_path: Path) -> None:
    files = tuple(PackedFile(Shard("/data/val-000000.tar", 99, 0), f"{i}.jpg", 0, 9) for i in range(2))
    pictures = PictureSet("val", NAMES, np.array([0, 1], np.int32), packed=files)

    found = written(tmp_path, pictures, Answer(0, 0.9), Answer(1, 0.8))

    assert [row["path"] for row in found] == ["/data/val-000000.tar:0.jpg", "/data/val-000000.tar:1.jpg"]


def test_a_picture_that_could_not_be_read_has_no_row(tmp_path: Path) -> None:
    pictures = PictureSet("val", NAMES, np.array([0, 1], np.int32), paths=(Path("/a"), Path("/b")))
    assert [row["path"] for row in written(tmp_path, pictures, Answer(-1, 0), Answer(1, 1))] == ["/b"]


def test_without_answers_nothing_is_written(tmp_path: Path) -> None:
    pictures = PictureSet("val", NAMES, np.array([0], np.int32), paths=(Path("/a"),))
    nothing = EvaluationResult(1, 1, 1.0, 1.0, 0.1, (0, 1), 1.0, (), ((1,),))
    assert write_predictions(tmp_path, pictures, nothing) == {}
    assert list(tmp_path.iterdir()) == []
