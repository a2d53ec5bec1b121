"""Prediction: which files, what happens to bad ones, and what is written."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datazoo.pipeline.spec import PreprocessingSpec
from deploy.use.classifier import Classifier, softmax
from deploy.use.picture_files import PictureError, describe_others, find_pictures, open_checked
from deploy.use.prediction import predict_files
from deploy.use.prediction_output import console, contact_sheet, csv_file, json_file

SPEC = PreprocessingSpec(resize=8, image_size=8, mean=(0, 0, 0), std=(1, 1, 1))


def colour_network(batch: np.ndarray) -> np.ndarray:
    """Logits: mean red, green and blue."""
    return 10 * batch.mean((2, 3))


@pytest.fixture
def classifier() -> Classifier:
    return Classifier("a test", colour_network, ("red", "green", "blue"), SPEC, "logits")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for name, colour in {"b.png": "#00f", "a.png": "#f00", "more/c.jpg": "#0f0"}.items():
        Image.new("RGB", (20, 12), colour).save(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_folder_is_read_in_order_of_name(pictures: Path, classifier: Classifier) -> None:
    predictions = list(predict_files(classifier, find_pictures([str(pictures)]), top_k=1))

    assert [(p.path.name, p.answers[0].label) for p in predictions] == [
        ("a.png", "red"),
        ("b.png", "blue"),
        ("c.jpg", "green"),
    ]


def test_files_that_are_no_pictures_by_name_are_counted(pictures: Path) -> None:
    (pictures / "README").touch()
    others: Counter[str] = Counter()

    list(find_pictures([str(pictures)], others))

    text = describe_others(others)
    assert text.startswith("2 file(s) left out by their names (1 no extension, 1 .txt); read are .avif, .bmp, ")
    assert describe_others(Counter()) == ""


def test_pattern_and_name_with_a_star_are_told_apart(pictures: Path) -> None:
    (pictures / "a.png").rename(pictures / "a[1]*.png")

    assert [path.name for path in find_pictures([str(pictures / "*.png")])] == ["a[1]*.png", "b.png"]
    assert [path.name for path in find_pictures([str(pictures / "a[1]*.png")])] == ["a[1]*.png"]


def test_goes_on_after_a_bad_file_and_names_it(pictures: Path, classifier: Classifier) -> None:
    (pictures / "a0.png").write_bytes(b"")

    predictions = list(predict_files(classifier, find_pictures([str(pictures)]), top_k=1, batch_size=2))

    assert [p.error for p in predictions] == [None, "empty file", None, None]


def test_top_k_is_sorted_and_ties_keep_the_label_order(classifier: Classifier) -> None:
    answers = classifier.answers(np.array([0.4, 0.4, 0.2]), 2)

    assert [(a.label, a.probability) for a in answers] == [("red", 0.4), ("green", 0.4)]


def test_softmax_of_large_logits_is_finite() -> None:
    np.testing.assert_allclose(softmax(np.array([[1000.0, 1000.0, -1000.0]])), [[0.5, 0.5, 0]])


def test_rgb_is_not_bgr(tmp_path: Path, classifier: Classifier) -> None:
    Image.new("RGB", (9, 9), (200, 20, 0)).save(tmp_path / "red.png")

    (prediction,) = predict_files(classifier, [tmp_path / "red.png"], top_k=1)

    assert prediction.answers[0].label == "red"


def test_memory_does_not_grow_with_the_number_of_files(pictures: Path, classifier: Classifier) -> None:
    read: list[int] = []

    def endless() -> Iterator[Path]:
        while True:
            read.append(1)
            yield pictures / "a.png"

    predictions = predict_files(classifier, endless(), top_k=1, batch_size=4)
    for _ in range(9):
        next(predictions)

    assert len(read) == 12


def test_bomb_is_refused_without_decoding(tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")

    with pytest.raises(PictureError, match=r"limit|bomb"):
        open_checked(tmp_path / "bomb.png", SPEC)


def test_needle_that_resizing_would_blow_up_is_refused(tmp_path: Path) -> None:
    Image.new("L", (2, 60_000)).save(tmp_path / "needle.png")

    with pytest.raises(PictureError, match="too narrow: 256x7680000 after resizing"):
        open_checked(tmp_path / "needle.png", PreprocessingSpec())


def test_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")

    with pytest.raises(PictureError, match="not a regular file"):
        open_checked(tmp_path / "pipe.png", SPEC)


def test_files_say_the_same_as_the_console(
    pictures: Path, classifier: Classifier, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "\n\x1b[31m.png").write_bytes(b"no picture")
    with (
        json_file(tmp_path / "out.json") as as_json,
        csv_file(tmp_path / "out.csv", 2) as as_csv,
        contact_sheet(tmp_path / "out.png") as as_sheet,
    ):
        for prediction in predict_files(classifier, find_pictures([str(pictures)]), top_k=2):
            for output in (as_json, as_csv, as_sheet, console(classifier.classes)):
                output(prediction)

    entries = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8")))
    labels = ["", "red", "blue", "green"]
    assert [e["predictions"][0]["label"] if e["predictions"] else "" for e in entries] == labels
    assert [row["label_1"] or "" for row in rows] == labels
    assert entries[0]["error"] == rows[0]["error"] == "not a picture"
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert len(printed.splitlines()) == 4
    with Image.open(tmp_path / "out.png") as sheet:
        assert sheet.getpixel((136 + 60, 60)) == (255, 0, 0)


def test_no_prediction_is_an_empty_list(tmp_path: Path) -> None:
    with json_file(tmp_path / "out.json"):
        pass

    assert json.loads((tmp_path / "out.json").read_text()) == []
