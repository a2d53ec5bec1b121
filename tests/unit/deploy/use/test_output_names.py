"""Class and file names in what predict.py writes: exact in JSON, harmless in tables and on the console."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from deploy.use.classifier import Answer
from deploy.use.prediction import Prediction
from deploy.use.prediction_output import console, contact_sheet, csv_file, json_file

LABEL = "=HYPERLINK(\x1b[2J)"
FILE = Path("+a\n\udcb9.png")


@pytest.fixture
def prediction() -> Prediction:
    return Prediction(FILE, (Answer(LABEL, 0.75), Answer("狗", 0.25)))


def test_a_table_holds_no_formula_and_one_line_a_picture(tmp_path: Path, prediction: Prediction) -> None:
    with csv_file(tmp_path / "a.csv", 2) as write:
        write(prediction)
        write(Prediction(FILE, error="-1\nbytes"))
    text = (tmp_path / "a.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    assert rows[1:] == [
        [r"'+a\n\xb9.png", "", r"'=HYPERLINK(\x1b[2J)", "0.750000", "狗", "0.250000"],
        [r"'+a\n\xb9.png", r"'-1\nbytes"],
    ]


def test_json_holds_the_label_as_it_is(tmp_path: Path, prediction: Prediction) -> None:
    with json_file(tmp_path / "a.json") as write:
        write(prediction)
    (entry,) = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert entry["file"] == r"+a\n\xb9.png"
    assert [answer["label"] for answer in entry["predictions"]] == [LABEL, "狗"]


def test_a_console_line_cannot_steer_the_terminal(prediction: Prediction, capsys: pytest.CaptureFixture[str]) -> None:
    console([LABEL, "狗"])(prediction)
    assert capsys.readouterr().out == " 75.00%  =HYPERLINK(\\x1b[2J)  +a\\n\\xb9.png  狗 25.00%\n"


def test_a_contact_sheet_is_drawn_of_any_name(tmp_path: Path) -> None:
    with contact_sheet(tmp_path / "a.png") as write:
        write(Prediction(FILE, error="not a picture"))
    assert (tmp_path / "a.png").is_file()
