"""Runs held against each other picture by picture."""

import csv
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from report.compare import write_comparison
from report.groups import tell_apart
from report.page import write_report
from report.paired import mcnemar, paired_tests
from report.run_folder import read_run
from report.run_values import Run

MakeRun = Callable[..., Path]


def predict(run: Path, right: str, folder: str = "/photos", content: str | None = None) -> Path:
    """Write predictions of the test split: a letter a picture, `r` for right."""
    with (run / "predictions_test.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["path", "label", "predicted", "confidence"])
        for index, letter in enumerate(right):
            table.writerow([f"{folder}/{index}.jpg", "Cans", "Cans" if letter == "r" else "Seashell", "0.9"])
    if content is not None:
        (run / "data.json").write_text(json.dumps({"splits": {"test": {"content": content}}}))
    return run


def read(*runs: Path) -> tuple[list[Run], dict[Path, str]]:
    values = [read_run(run) for run in runs]
    return values, tell_apart(values)


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_p_value_is_that_of_a_fair_coin_in_both_directions(first: int, second: int) -> None:
    assert mcnemar(first, second) == pytest.approx(mcnemar(second, first))
    assert 0 < mcnemar(first, second) <= 1
    assert mcnemar(first, first) == pytest.approx(1)


def test_the_p_value_of_many_pictures_is_near_that_of_the_chi_square_form() -> None:
    # McNemar's own form with Edwards' correction for continuity, which holds for many pictures.
    assert mcnemar(130, 180) == pytest.approx(chi2.sf((180 - 130 - 1) ** 2 / 310, 1), rel=0.02)


def test_runs_are_tested_on_the_pictures_that_one_of_them_got_right(make_run: MakeRun) -> None:
    best, other = predict(make_run("a"), "rrrrrrw"), predict(make_run("b"), "rrwwwwr")

    (test,), notes = paired_tests(*read(best, other))

    assert (test.only_run, test.only_reference, test.n, notes) == (1, 4, 7, [])
    assert test.difference == pytest.approx(-3 / 7)
    assert test.p_value == pytest.approx(2 * (1 + 5) / 2**5)


def test_the_same_pictures_elsewhere_are_known_by_their_fingerprint(make_run: MakeRun) -> None:
    here = predict(make_run("a"), "rrr", content="f00d")
    moved = predict(make_run("b"), "rrw", folder="/elsewhere", content="f00d")
    others = predict(make_run("c"), "rrw", content="beef")

    tests, notes = paired_tests(*read(here, moved, others))

    assert [test.label for test in tests] == ["b seed 0"]
    assert list(map(str, notes)) == [
        "c seed 0: no paired test against a seed 0: no predictions of both on the same pictures."
    ]


def test_runs_of_one_name_and_seed_are_told_apart_by_as_much_of_the_folder_as_it_takes(make_run: MakeRun) -> None:
    runs, labels = read(
        make_run("a", folder="x/a-seed0"), make_run("a", folder="y/a-seed0"), make_run("a", folder="a-seed0-2"),
        make_run("b"),
    )  # fmt: skip

    assert list(labels.values()) == [
        "a seed 0 (x/a-seed0)", "a seed 0 (y/a-seed0)", "a seed 0 (a-seed0-2)", "b seed 0",
    ]  # fmt: skip
    assert len(set(labels.values())) == len(runs)


def test_the_comparison_leads_to_reports_tests_pairs_and_names_what_differs(make_run: MakeRun, tmp_path: Path) -> None:
    one = predict(make_run("head one"), "rrrr")
    other = predict(make_run("full", config={"optimizer": {"name": "adamw", "lr": 0.01}}), "rrrw")
    write_report(one)
    output = tmp_path / "out"

    write_comparison([one, other], output)

    page, text = ((output / f"comparison.{end}").read_text(encoding="utf-8") for end in ("html", "md"))
    (link,) = re.findall(r'href="([^"]*)"', page)
    assert os.path.samefile(output / unquote(link), one / "report.html")
    for written in (page.replace("<wbr>", ""), text):
        assert "optimizer.name" in written
        assert "optimizer.lr" not in written
        assert "Is the difference chance?" in written


def test_one_run_is_held_against_none(make_run: MakeRun) -> None:
    assert paired_tests(*read(predict(make_run(), "rrr"))) == ([], [])
