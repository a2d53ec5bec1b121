"""Class and file names in what predict.py writes: exact in JSON, harmless in tables and on the console."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from common.errors import BundleError
from deploy.use.classifier import Answer
from deploy.use.prediction import Prediction
from deploy.use.prediction_output import check_targets, console, contact_sheet, csv_file, json_file

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


@pytest.mark.parametrize(
    ("flag", "name", "says"),
    [
        ("--csv", "photos/a.png", "is one of the pictures"),
        ("--json", "photos/../photos/a.png", "is one of the pictures"),
        ("--contact_sheet", "photos/a.png", "is one of the pictures"),
        ("--csv", "nowhere/a.csv", "there is no folder"),
        ("--json", "photos", "is a folder"),
    ],
)
def test_a_file_that_must_not_be_written_is_refused_first(flag: str, name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"a picture")

    with pytest.raises(BundleError, match=f"{flag} .*{says}"):
        check_targets({flag: tmp_path / name, "--other": None}, [str(tmp_path / "photos")])


def test_outputs_are_files_of_their_own(tmp_path: Path) -> None:
    check_targets({"--csv": tmp_path / "a", "--json": tmp_path / "b"}, [])

    with pytest.raises(BundleError, match="--csv, --json: name a file of its own for each"):
        check_targets({"--csv": tmp_path / "a", "--json": tmp_path / "a"}, [])
