from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import ReportError
from report.run_folder import read_run

MakeRun = Callable[..., Path]


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def test_reads_everything_that_the_contract_names(make_run: MakeRun) -> None:
    run = read_run(make_run("head", 3))
    assert (run.name, run.seed, run.state, run.missing, run.notes) == ("head", 3, "finished", (), ())
    assert run.classes[2] == "纸板 <b>&"
    assert (len(run.steps), len(run.epochs), len(run.resources)) == (30, 6, 38)
    assert run.summary.trainable_parameters == 33306
    assert run.clean_test is not None
    assert (run.clean_test.correct, run.clean_test.n, run.clean_test.top1) == (32, 40, 0.8)
    assert run.clean_test.interval == pytest.approx((0.6524, 0.8950), abs=1e-4)


@pytest.mark.parametrize(
    "name", ["environment.json", "summary.json", "metrics.jsonl", "resources.jsonl", "status.json"]
)
def test_names_a_missing_file_and_reads_the_rest(make_run: MakeRun, name: str) -> None:
    path = make_run()
    (path / name).unlink()
    run = read_run(path)
    assert run.missing == (name,)
    assert run.evaluations


def test_what_was_not_written_is_none_and_not_zero(make_run: MakeRun) -> None:
    path = make_run(evaluations=[])
    (path / "summary.json").unlink()
    run = read_run(path)
    assert run.missing == ("summary.json", "eval_<split>.json")
    assert (run.val_top1, run.clean_test, run.summary.total_parameters) == (None, None, None)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no such folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(ReportError, match=r"not a run folder \(config.yaml is missing\)"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.yaml", "a: [1", "not YAML"),
        ("config.yaml", "- 1", "mapping"),
        ("summary.json", "{", "not JSON"),
        ("summary.json", "[]", "object"),
        ("eval_test.json", '{"split": "test", "n": 3}', "correct is missing"),
        ("eval_test.json", '{"split": "test", "n": 3, "correct": 4}', "4 correct of 3 is impossible"),
        ("eval_test.json", '{"split": "test", "n": 1, "correct": 1, "confusion": [[1, 0]]}', "not square"),
        ("eval_test.json", '{"split": "test", "n": "many", "correct": 1}', "damaged"),
        ("metrics.jsonl", '{"kind": "epoch", "epoch": 1}', "'step' is missing"),
        ("classes.json", "3", "damaged"),
    ],
)
def test_a_damaged_file_is_refused_by_name(make_run: MakeRun, name: str, content: str, message: str) -> None:
    path = make_run()
    (path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ReportError, match=message) as caught:
        read_run(path)
    assert str(path) in str(caught.value)


def test_half_a_line_after_a_crash_is_counted_and_left_out(make_run: MakeRun) -> None:
    path = make_run()
    with (path / "metrics.jsonl").open("a") as stream:
        stream.write('{"kind": "step", "st')
    run = read_run(path)
    assert len(run.steps) == 30
    assert [str(note) for note in run.notes] == ["metrics.jsonl: 1 of 37 lines could not be read and are left out"]


def test_a_resumed_run_shows_only_its_last_pass_over_a_step(make_run: MakeRun) -> None:
    path = make_run()
    again = {"kind": "step", "epoch": 6, "lr": 0.1, "images_per_second": 1.0}
    with (path / "metrics.jsonl").open("a") as stream:
        stream.writelines(json.dumps(again | {"step": step, "loss": 9.0}) + "\n" for step in (56, 60))
    run = read_run(path)
    assert [point.step for point in run.steps][-4:] == [52, 54, 56, 60]
    assert [point.loss for point in run.steps][-2:] == [9.0, 9.0]


def test_a_loss_that_is_not_a_number_is_a_gap(make_run: MakeRun) -> None:
    path = make_run()
    line = '{"kind": "step", "step": 61, "epoch": 7, "loss": NaN, "lr": Infinity}\n'
    with (path / "metrics.jsonl").open("a") as stream:
        stream.write(line)
    assert (read_run(path).steps[-1].loss, read_run(path).steps[-1].lr) == (None, None)


def test_counts_win_over_a_stored_accuracy_that_disagrees(make_run: MakeRun) -> None:
    path = make_run()
    change(path / "eval_test.json", top1=0.99)
    run = read_run(path)
    assert run.clean_test is not None
    assert run.clean_test.top1 == 0.8
    assert "does not agree with 32 of 40" in str(run.notes[0])


def test_a_test_split_that_chose_the_checkpoint_is_never_the_clean_one(make_run: MakeRun) -> None:
    path = make_run()
    change(path / "eval_test.json", chosen_on=True)
    assert read_run(path).clean_test is None


def test_a_leaking_test_split_is_never_the_clean_one(make_run: MakeRun) -> None:
    path = make_run()
    change(path / "eval_test.json", leaking=True)
    assert read_run(path).clean_test is None
    (path / "eval_test_clean.json").write_text(json.dumps({"split": "test_clean", "n": 10, "correct": 7}))
    clean = read_run(path).clean_test
    assert clean is not None
    assert clean.split == "test_clean"
