from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.calibration import calibration_curve

from common.decode import decode
from common.errors import ReportError
from report.calibration import expected_calibration_error, reliability
from report.page import write_report
from report.predictions import Prediction, read_predictions
from report.wrong_pictures import A_PAIR, SUREST, wrong_pictures
from tests.unit.datazoo.pipeline.test_deep_pictures import encoded, packed_tiff, png48

CLASSES = ("Banana Peel", "Cans", "纸板 <b>&", "Seashell")


def write(run: Path, predictions: Sequence[Prediction], split: str = "test") -> None:
    with (run / f"predictions_{split}.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["path", "label", "predicted", "confidence"])
        table.writerows([p.path, p.label, p.predicted, p.confidence] for p in predictions)


def mistakes(count: int, label: str = "Cans", predicted: str = "Seashell") -> list[Prediction]:
    return [Prediction(f"{label}/{i}.jpg", label, predicted, 0.5 + i / 1000) for i in range(count)]


def test_the_surest_mistakes_come_first_and_right_answers_never() -> None:
    right = Prediction("a", "Cans", "Cans", 0.99)
    found = wrong_pictures([right, *mistakes(60)], CLASSES)
    sure = [wrong.prediction.confidence for wrong in found.surest]
    assert sure == sorted(sure, reverse=True)
    assert (found.count, len(found.surest)) == (60, SUREST)
    assert sure[0] == pytest.approx(0.559)


def test_pairs_are_by_number_of_pictures_and_know_their_cell() -> None:
    found = wrong_pictures([*mistakes(2), *mistakes(9, "Banana Peel", "Cans")], CLASSES)
    assert [(pair.cell, pair.count, len(pair.pictures)) for pair in found.pairs] == [
        ((0, 1), 9, A_PAIR),
        ((1, 3), 2, 2),
    ]


def test_a_picture_is_shown_upright_and_small(tmp_path: Path) -> None:
    image = Image.new("RGB", (400, 100), "red")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "lying.jpg", exif=exif)
    found = wrong_pictures([Prediction(str(tmp_path / "lying.jpg"), "Cans", "Seashell", 0.9)], CLASSES)
    address = found.surest[0].look.image
    assert address is not None
    shown = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    assert shown.size == (28, 112)


DEEP = (np.full((20, 20), 100) + np.arange(20) * 3).astype(np.uint16)  # of 8 bits


@pytest.mark.parametrize(
    "content",
    [encoded(DEEP * 256, "PNG"), encoded(DEEP * 256, "TIFF"), png48(DEEP * 256), packed_tiff(DEEP * 16)],
    ids=["16 bits", "16 bits of a TIFF", "16 bits in colour", "12 bits"],
)
def test_a_deep_picture_of_an_older_run_is_shown_as_training_sees_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "deep").write_bytes(content)
    found = wrong_pictures([Prediction(str(tmp_path / "deep"), "Cans", "Seashell", 0.9)], CLASSES)
    address = found.surest[0].look.image
    assert address is not None
    shown = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    assert np.abs(np.asarray(shown, float) - np.asarray(decode(content), float)).max() < 6
    assert np.abs(np.asarray(decode(content))[..., 0] - DEEP.astype(int)).max() == 0


def test_a_picture_that_training_refuses_is_not_shown_black(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 20), 900, np.uint16)).save(tmp_path / "dark.png")

    assert wrong_pictures([Prediction(str(tmp_path / "dark.png"), "Cans", "Seashell", 0.9)], CLASSES).unreadable == 1


def test_files_that_are_gone_are_named_and_counted(make_run: Callable[..., Path]) -> None:
    run = make_run()
    write(run, mistakes(3))
    page = write_report(run).read_text(encoding="utf-8")
    assert "3 files are not where they were" in page
    assert "2.jpg" in page


def test_cells_of_the_matrix_lead_to_their_pictures(make_run: Callable[..., Path]) -> None:
    run = make_run()
    write(run, [*mistakes(1), *mistakes(4, "Seashell", "Banana Peel")])
    page = write_report(run).read_text(encoding="utf-8")
    links, places = set(re.findall(r'href="#(pair-[\d-]+)"', page)), set(re.findall(r'id="(pair-[\d-]+)"', page))
    assert links == places == {"pair-1-3", "pair-3-0"}


def test_names_are_escaped(make_run: Callable[..., Path]) -> None:
    run = make_run()
    write(run, mistakes(1, "纸板 <b>&", "Cans"))
    assert "<b>&<" not in write_report(run).read_text(encoding="utf-8")


def test_older_runs_have_no_predictions_and_a_page_all_the_same(make_run: Callable[..., Path]) -> None:
    page = write_report(make_run()).read_text(encoding="utf-8")
    assert "Wrong pictures" not in page


@pytest.mark.parametrize(
    "text",
    ["path,label\na,b\n", "path,label,predicted,confidence\na,b,c,7\n", "path,label,predicted,confidence\na,b,c,nan\n"],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "predictions_val.csv").write_text(text)
    with pytest.raises(ReportError, match=r"predictions_val.csv: damaged"):
        read_predictions(tmp_path, "val")


def test_a_class_that_the_run_does_not_know_is_refused() -> None:
    with pytest.raises(ReportError, match="does not know: Boots"):
        wrong_pictures([Prediction("a", "Boots", "Cans", 0.4)], CLASSES)


def test_reliability_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0, 1, 500)
    right = rng.uniform(0, 1, 500) < confidence**2
    predictions = [Prediction("a", "x", "x" if r else "y", float(c)) for c, r in zip(confidence, right, strict=True)]
    accuracy, mean = calibration_curve(right, confidence, n_bins=10)
    bins = reliability(predictions)
    assert [one.accuracy for one in bins] == pytest.approx(accuracy)
    assert [one.confidence for one in bins] == pytest.approx(mean)


def test_calibration_error_by_hand() -> None:
    sure_and_half_right = [Prediction("a", "x", "x", 0.9), Prediction("a", "x", "y", 0.9)]
    unsure_and_right = [Prediction("a", "x", "x", 0.55)] * 2
    assert expected_calibration_error(reliability(sure_and_half_right)) == pytest.approx(0.4)
    assert expected_calibration_error(reliability([*sure_and_half_right, *unsure_and_right])) == pytest.approx(0.425)
    assert expected_calibration_error([]) == 0.0
