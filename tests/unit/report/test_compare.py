from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from common.door import run_door
from report.compare import main, write_comparison
from report.comparison_page import comparison_markdown
from report.groups import clean_test_top1, compare_runs, recipe_differences
from report.run_folder import read_run
from report.words import Lang, words
from tests.unit.report.test_words import visible

MakeRun = Callable[..., Path]
REPOSITORY = Path(__file__).resolve().parents[3]


def counts(correct: int, n: int = 100, split: str = "test") -> list[dict[str, Any]]:
    return [{"split": split, "n": n, "correct": correct}]


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "comparison.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_seeds_of_one_name_become_their_mean_and_range(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run("a", seed, evaluations=counts(right)) for seed, right in enumerate((70, 75, 83))]
    write_comparison(runs, tmp_path / "out")
    mean, *each = table(tmp_path / "out")
    assert (mean["kind"], mean["runs"]) == ("mean", "3")
    assert float(mean["test_top1"]) == pytest.approx(0.76)
    assert (mean["test_top1_low"], mean["test_top1_high"], mean["test_top1_n"]) == ("0.7", "0.83", "3")
    assert [row["test_top1"] for row in each] == ["0.7", "0.75", "0.83"]
    # 70 of 100, Wilson 95 % by scipy.stats.binomtest: 0.6042 to 0.7811.
    assert float(each[0]["test_top1_low"]) == pytest.approx(0.6042, abs=5e-5)
    assert float(each[0]["test_top1_high"]) == pytest.approx(0.7811, abs=5e-5)


def test_best_clean_test_comes_first_and_val_decides_where_there_is_none(make_run: MakeRun) -> None:
    paths = [
        make_run("no-test-low", evaluations=counts(6, 10, "val")),
        make_run("leaks", evaluations=[counts(99)[0] | {"leaking": True}], summary={"val_top1": 0.1}),
        make_run("low", evaluations=counts(60)),
        make_run("no-test-high", evaluations=counts(9, 10, "val")),
        make_run("high", evaluations=counts(80)),
    ]
    names = [group.name for group in compare_runs([read_run(path) for path in paths]).groups]
    assert names == ["high", "low", "no-test-high", "no-test-low", "leaks"]


@pytest.mark.parametrize("state", ["running", "failed", "stopped"])
def test_an_unfinished_run_is_listed_and_in_no_mean(make_run: MakeRun, state: str) -> None:
    paths = [make_run("a", 0, evaluations=counts(80)), make_run("a", 1, state=state, evaluations=counts(20))]
    comparison = compare_runs([read_run(path) for path in paths])
    spread = comparison.groups[0].spread(clean_test_top1)
    assert spread is not None
    assert (spread.mean, spread.runs) == (0.8, 1)
    text = comparison_markdown(comparison)
    assert "1 run(s) not finished: listed apart, in no mean." in text
    assert f"{state} after 6 epochs" in text[text.index("Not finished") :]


def test_a_seed_without_a_number_is_counted_beside_the_mean(make_run: MakeRun) -> None:
    paths = [make_run("a", 0, evaluations=counts(80)), make_run("a", 1, evaluations=[])]
    comparison = compare_runs([read_run(path) for path in paths])
    text = comparison_markdown(comparison)
    assert "**80.0 %** (80.0 to 80.0 %, 1 of 2 runs)" in text
    assert "a: 1 of 2 run(s) were not evaluated on a clean test split." in map(str, comparison.notes)


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [
        ({}, {"config": {"optimizer": {"lr": 0.5}}}, "differ in more than the seed: optimizer.lr, optimizer.name"),
        ({}, {"seed": 0, "folder": "again"}, "2 runs but 1 seed(s)"),
        ({"evaluations": counts(8, 10)}, {"evaluations": counts(80)}, "not the same pictures (n=10, n=100)"),
    ],
)
def test_doubts_about_a_mean_are_said(
    make_run: MakeRun, first: dict[str, Any], second: dict[str, Any], note: str
) -> None:
    paths = [make_run("a", **{"seed": 0, **first}), make_run("a", **{"seed": 1, **second})]
    notes = compare_runs([read_run(path) for path in paths]).notes
    assert [line for line in notes if note in str(line)]


def test_all_columns_of_the_contract_are_in_all_three_files(
    make_run: MakeRun, tmp_path: Path, evaluation: Callable[..., Any]
) -> None:
    leaking = evaluation("official", leaking=True)
    write_comparison([make_run(evaluations=[evaluation("test"), evaluation("val"), leaking])], tmp_path)
    (row,) = table(tmp_path)
    expected = {
        "test_top1": 0.8, "test_top1_n": 40, "val_top1": 0.8, "official_top1_leaking": 0.8,
        "test_macro_f1": evaluation("test")["macro_f1"],
        "trainable_parameters": 33306, "total_parameters": 2257180, "features_seconds": 30, "train_seconds": 12,
        "eval_seconds": 1.8, "total_seconds": 75, "images_per_second": 240, "mean_cpu_percent": 151,
        "peak_cpu_percent": 190, "peak_rss_mb": 900, "saved_bytes": 133224,
    }  # fmt: skip
    assert {key: float(row[key]) for key in expected} == pytest.approx(expected)
    markdown = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    for text in (
        "80.0 %",
        "65.2 to 89.5 %, n=40",
        "official top-1 LEAKING",
        "33,306",
        "1 min 15 s",
        "130.1 KiB",
        "900 MiB",
    ):
        assert text in markdown
        assert text in page


@pytest.mark.parametrize(
    ("lang", "title"), [("en", "test top-1 CHOSEN ON test"), ("zh", "测试 top-1（用测试选的模型）")]
)
def test_a_score_that_chose_its_checkpoint_has_a_column_of_its_own(
    make_run: MakeRun, tmp_path: Path, evaluation: Callable[..., Any], lang: Lang, title: str
) -> None:
    clean = make_run("clean", evaluations=[evaluation("test")])
    chosen = make_run("chosen", evaluations=[evaluation("test") | {"chosen_on": True}, evaluation("val")])

    write_comparison([clean, chosen], tmp_path, lang)

    first, second = table(tmp_path)
    assert (first["test_top1"], first["test_top1_chosen_on"]) == ("0.8", "")
    assert (second["test_top1"], second["test_top1_chosen_on"]) == ("", "0.8")
    for name in ("comparison.md", "comparison.html"):
        assert title in (tmp_path / name).read_text(encoding="utf-8")


def test_values_of_recipes_are_written_as_recipes_write_them(make_run: MakeRun) -> None:
    one = {"data": {"mean": [0.5], "cached": True, "path": None, "workers": None}}
    other = {"data": {"mean": [0.4, 0.6], "cached": False, "path": "x"}}
    runs = [make_run("a", config=one), make_run("b", config=other)]

    differences = dict(recipe_differences(compare_runs([read_run(path) for path in runs]).groups))

    assert differences["data.mean"] == ("0.5", "0.4, 0.6")
    assert differences["data.cached"] == ("true", "false")
    assert differences["data.path"] == ("–", "x")
    assert "data.workers" not in differences


def test_a_chinese_comparison_names_seeds_in_chinese(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run("a", 0), make_run("a", 0, folder="again"), make_run("b", 3), make_run("c", state="stopped")]

    write_comparison(runs, tmp_path, "zh")

    for name in ("comparison.md", "comparison.html"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "a 种子 0 (again)" in text
        assert "b 种子 3" in text
        assert "c 种子 0" in text
        assert not re.search(r"seed \d", text)


def test_curves_of_all_runs_are_drawn_over_each_other(make_run: MakeRun, tmp_path: Path) -> None:
    write_comparison([make_run("a", 0), make_run("a", 1), make_run("b", 0)], tmp_path)
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    pictures = [
        ElementTree.fromstring(part.split("</svg>")[0].join(("<svg", "</svg>"))) for part in page.split("<svg")[1:]
    ]
    lines = [[node.get("class") for node in picture.iter() if node.tag.endswith("polyline")] for picture in pictures]
    assert lines == [[], *[["series c0", "series c0", "series c1"]] * 3]


def test_a_name_cannot_break_the_markdown_table(make_run: MakeRun) -> None:
    path = make_run("a|b\n<i>", folder="odd")
    lines = comparison_markdown(compare_runs([read_run(path)])).splitlines()
    assert [line for line in lines if line.startswith("| a\\|b \\<i\\> | seed 0 |")]


def test_the_same_folder_twice_counts_once(make_run: MakeRun, tmp_path: Path) -> None:
    path = make_run()
    write_comparison([path, path], tmp_path / "out")
    assert len(table(tmp_path / "out")) == 1


def test_a_folder_that_is_no_run_is_one_line_and_exit_code_2(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert run_door(main, [str(make_run()), str(tmp_path), "--output", str(output)]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}: not a run folder (config.yaml is missing)\n"
    assert not output.exists()


def test_an_output_that_is_a_file_is_one_line_and_exit_code_2(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("")
    assert run_door(main, [str(make_run()), "--output", str(tmp_path / "taken")]) == 2
    assert capsys.readouterr().err.startswith(f"error: --output {tmp_path / 'taken'}: ")


@pytest.mark.parametrize("command", [["compare.py"], ["-m", "report.compare"]])
def test_the_door_compares(make_run: MakeRun, tmp_path: Path, command: list[str]) -> None:
    words = [sys.executable, *command, str(make_run()), "--output", str(tmp_path / "out")]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "| garbage26-head | seed 0 | 80.0 % (65.2 to 89.5 %, n=40) |" in done.stdout
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_the_comparison_is_in_the_language_that_was_asked_for(
    make_run: MakeRun, tmp_path: Path, evaluation: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [
        make_run("a", 0),
        make_run("a", 1, evaluations=[evaluation("val"), evaluation("test", leaking=True)]),
        make_run("b", config={"optimizer": {"lr": 0.5}}),
        make_run("c", state="stopped"),
    ]
    english = {text for text in words("en").values() if " " in text and "{" not in text} - set(words("zh").values())

    main([*map(str, runs), "--output", str(tmp_path / "out"), "--lang", "zh"])

    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in page
    assert not [text for text in visible(page) if text in english]
    assert {"训练对比", "差异是偶然吗？", "配方的差异", "未完成", "测试 top-1（泄漏）"} <= set(visible(page))
    assert "# 训练对比" in capsys.readouterr().out
    assert "test_top1" in (tmp_path / "out" / "comparison.csv").read_text(encoding="utf-8")


def test_the_room_imports_no_other_room() -> None:
    code = "import sys, report.compare, report.page; print(*sorted(m.split('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not {"engine", "netzoo", "datazoo", "deploy", "mindspore", "numpy"} & set(done.stdout.split())
