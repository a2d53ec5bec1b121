"""The table of the report's figures says what was measured how, and measures nothing twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import report_numbers
from benchmarks.report_numbers import ROWS, Result, Results, main, render, verdict
from benchmarks.report_rows import SIDES, Figure, Row, Side, Table, read_rows
from engine.config import Config, parse_command_line

# In place of train.py: as many of four pictures are right as --train.epochs says; --data.val_split test leaks.
STAND_IN = """
import json, pathlib, sys
flags = dict(zip(sys.argv[1::2], sys.argv[2::2]))
stem = flags["--name"] + "-seed" + flags["--seed"]
out = pathlib.Path(flags["--output_dir"])
run = next(r for r in (out / f"{stem}{end}" for end in ("", "-2", "-3")) if not r.exists())
run.mkdir(parents=True)
leaks = flags.get("--data.val_split") == "test"
if flags["--train.epochs"] == "0":
    sys.exit("error: no epochs")
right = int(flags["--train.epochs"])
(run / "eval_test.json").write_text(json.dumps({"n": 4, "correct": right, "leaking": leaks, "chosen_on": leaks}))
if leaks:
    (run / "eval_test_unseen.json").write_text(json.dumps({"n": 2, "correct": 1}))
(run / "summary.json").write_text(json.dumps({"val_top1": 0.5, "epochs": right, "best_epoch": 1}))
"""
TABLE = """
protocol: {data: official, flags: {data.val_split: test}}
honest: {data: clean}
rows:
  - {name: first, title: First, recipe: a, report: {low: 50, high: 75}, protocol: {train.epochs: 3},
     honest: &h {train.epochs: 2}}
  - {name: second, title: Second, recipe: b, protocol: {train.epochs: 1}, honest: *h}
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "train.py").write_text(STAND_IN)
    (tmp_path / "rows.yaml").write_text(TABLE)
    monkeypatch.setattr(report_numbers, "ROOT", tmp_path)
    monkeypatch.setattr(report_numbers, "ROWS", tmp_path / "rows.yaml")
    monkeypatch.setattr(report_numbers, "describe", lambda root, python: {"commit": "abc"})
    return tmp_path


def measure(bench: Path, *flags: str) -> int:
    return main(["--folder", str(bench / "results"), *flags])


def runs(bench: Path) -> list[tuple[str, str, int]]:
    stored = json.loads((bench / "results/results.json").read_text())["runs"]
    return [(run["row"], run["side"], run["seed"]) for run in stored]


def result(correct: int, side: Side = "protocol", seed: int = 0, name: str = "row") -> Result:
    right, n = (7, 10) if side == "protocol" else (None, None)
    command = ("train.py", f"{side}{seed}")
    return Result(name, side, seed, command, correct, 100, right, n, 0.5, 9, 3, 20.0, 10.0, 0.5, "abc")


def row(report: Figure | None = None) -> Row:
    return Row(name="row", title="A row", recipe="a", report=report)


def kept(folder: Path, *found: Result) -> Results:
    results = Results(folder / "results.json")
    for one in found:
        results.add(one)
    return results


def recipe_of(table: Table, line: Row, side: Side) -> Config:
    command = table.command(line, side, 0, Path("data"), Path("weights.safetensors"))
    return parse_command_line(command[1:], prog="train.py", description="")[0]


@pytest.mark.parametrize("line", read_rows(ROWS).rows, ids=lambda line: line.name)
def test_only_the_report_s_side_chooses_on_test(line: Row) -> None:
    table = read_rows(ROWS)
    protocol, honest = (recipe_of(table, line, side) for side in SIDES)
    assert (protocol.data.val_split, protocol.data.test_split) == ("test", "test")
    assert protocol.train.early_stopping.monitor == "val_top1"
    assert (honest.data.val_split, honest.data.test_split) == ("val", "test")
    assert honest.data.path == Path("data/garbage26_clean")


def test_a_row_s_flag_wins_over_its_side_s(bench: Path) -> None:
    table = read_rows(bench / "rows.yaml")
    line = table.rows[0].model_copy(update={"protocol": {"data.val_split": None, "x": True}})
    command = table.command(line, "protocol", 3, Path("data"), Path("w"))
    assert command[-4:] == ("--data.val_split", "null", "--x", "true")


def test_two_rows_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.yaml").write_text(TABLE.replace("second", "first"))
    with pytest.raises(ValueError, match="rows of the same name: first"):
        read_rows(tmp_path / "rows.yaml")


def test_what_was_measured_is_not_run_again(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measure(bench)
    capsys.readouterr()

    measure(bench)

    assert capsys.readouterr().out.count("measured before") == 4
    assert len(list((bench / "results").glob("first_protocol-seed0*"))) == 1


def test_again_runs_it_again_and_keeps_the_new_result_alone(bench: Path) -> None:
    measure(bench)

    measure(bench, "--again", "--only", "first", "--side", "honest")

    assert len(list((bench / "results").glob("first_honest-seed0*"))) == 2
    assert runs(bench).count(("first", "honest", 0)) == 1


def test_a_row_whose_flags_changed_is_run_again(bench: Path) -> None:
    measure(bench)
    (bench / "rows.yaml").write_text(TABLE.replace("protocol: {train.epochs: 3}", "protocol: {train.epochs: 4}"))

    measure(bench)

    assert [run.correct for run in Results(bench / "results/results.json").runs if run.row == "first"] == [2, 4]


def test_seeds_come_one_after_the_other_and_each_row_has_both_sides(bench: Path) -> None:
    measure(bench, "--seeds", "0", "1", "--only", "second")
    places = [("second", side, seed) for seed in (0, 1) for side in SIDES]
    assert runs(bench) == places


def test_a_run_that_fails_is_told_and_the_others_go_on(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bench / "rows.yaml").write_text(TABLE.replace("protocol: {train.epochs: 3}", "protocol: {train.epochs: 0}"))

    code = measure(bench)

    assert code == 1
    assert "FAILED first, protocol, seed 0: train.py ended with 1: error: no epochs" in capsys.readouterr().out
    assert len(runs(bench)) == 3


def test_a_result_without_the_marks_of_its_side_is_refused(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bench / "rows.yaml").write_text(TABLE.replace("data.val_split: test", "data.val_split: val"))

    code = measure(bench, "--only", "second")

    assert code == 1
    assert "of the side protocol is marked leaking: False, chosen on test: False" in capsys.readouterr().out
    assert runs(bench) == [("second", "honest", 0)]


def test_the_unseen_part_of_a_leaking_test_split_is_kept_beside_it(bench: Path) -> None:
    measure(bench, "--only", "second")
    found = Results(bench / "results/results.json").runs
    assert [run.unseen_top1 for run in found] == [50.0, None]


def test_a_row_below_the_report_ends_with_1_and_one_at_its_figure_with_0(bench: Path) -> None:
    assert measure(bench) == 0
    (bench / "rows.yaml").write_text(TABLE.replace("high: 75", "high: 76"))
    assert measure(bench, "--table") == 1


def test_a_row_that_does_not_exist_names_those_that_do(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure(bench, "--only", "third") == 2
    assert "no row third; there are first, second" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("report", "right", "said"),
    [
        ((68.9, 72.3), (72, 73), "yes"),
        ((68.9, 72.3), (72, 72), "no: within its range"),
        ((68.9, 72.3), (60, 72), "no"),
        (None, (72,), "–"),
        ((68.9, 72.3), (), "–"),
    ],
)
def test_the_mean_of_the_seeds_is_held_against_the_report_s_best_figure(
    report: tuple[float, float] | None, right: tuple[int, ...], said: str, tmp_path: Path
) -> None:
    figure = None if report is None else Figure(low=report[0], high=report[1])
    found = (result(correct, seed=seed) for seed, correct in enumerate(right))
    assert verdict(row(figure), kept(tmp_path, *found)) == said


def test_the_table_names_both_flaws_of_the_protocol_and_what_is_not_on_record(tmp_path: Path) -> None:
    results = kept(tmp_path, result(70), result(72, seed=1), result(30, "honest"))

    head, _, line = render([row()], results).splitlines()

    assert "LEAKING, CHOSEN ON TEST" in head
    assert line == (
        "| A row | not on record | 71.00 (70.00 to 72.00, 2 seeds) | – | 70.00 (70.00 to 70.00, 2 seeds) "
        "| 30.00 (1 seed) | 50.00 (1 seed) | 20 / 20 | 10 / 10 | 50 / 50 |"
    )
