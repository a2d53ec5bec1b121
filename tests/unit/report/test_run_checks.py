"""What a report says of the pictures, of the choice of the best epoch, and of exports."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import ReportError
from report.page import write_report, written_lang
from report.run_checks import read_export, read_split_facts
from tests.unit.report.conftest import metrics, write_lines

MakeRun = Callable[..., Path]

PARITY = {"runtime": "onnxruntime", "n": 240, "max_abs_diff": 2.5e-6, "top1_agreement": 1.0}
EXPORT = {
    "bundle": "/bundles/head",
    "sha256": "ab" * 32,
    "models": {"onnx": {"size_bytes": 2048, "parity": PARITY}, "air": {"size_bytes": 4096, "parity": None}},
}


def said(run: Path) -> str:
    page = re.sub(r"<style>.*?</style>|<[^>]*>", " ", write_report(run).read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(page.split())


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def with_data(run: Path, findings: list[dict[str, Any]], content: str = "ab") -> Path:
    splits = {name: {"n": n, "files": "cd", "content": content} for name, n in (("train", 2130), ("test", 260))}
    write(run / "data.json", {"classes": ["a"], "splits": splits, "findings": findings})
    return run


def test_what_was_found_wrong_with_the_pictures_stands_with_their_split(make_run: MakeRun) -> None:
    findings = [
        {"kind": "unreadable", "split": "train", "count": 2, "of": None},
        {"kind": "copies", "split": "test", "count": 190, "of": "train"},
    ]

    words = said(with_data(make_run(), findings))

    assert "train 2,130 2 unreadable, left out test 260 190 copies of train pictures" in words


def test_pictures_without_fault_and_pictures_that_nobody_opened_are_told_apart(make_run: MakeRun) -> None:
    assert "train 2,130 nothing wrong" in said(with_data(make_run("a"), []))
    assert "train 2,130 not looked at" in said(with_data(make_run("b"), [], content="unread:ab"))


@pytest.mark.parametrize(
    ("monitor", "best", "sentence"),
    [
        ("val_loss", 5, "The best epoch was chosen by its val loss: 0.564."),  # 0.4 + 2 exp(-5 / 2)
        ("val_top1", 5, "The best epoch was chosen by its val top-1: 84.3 %."),  # 0.9 - 0.7 exp(-5 / 2)
        ("epoch", 6, "The last epoch counts as the best: no score chose it."),
        ("val_loss", 0, "The head is solved, not trained"),
    ],
)
def test_the_report_says_what_chose_the_best_epoch(make_run: MakeRun, monitor: str, best: int, sentence: str) -> None:
    config = {"train": {"epochs": 6, "seed": 0, "early_stopping": {"monitor": monitor}}}

    assert sentence in said(make_run(config=config, summary={"best_epoch": best}))


def test_a_run_that_does_not_tell_how_it_chose_has_no_sentence(make_run: MakeRun) -> None:
    assert "best epoch was chosen" not in said(make_run())


def test_a_loss_scale_that_was_used_has_a_curve(make_run: MakeRun) -> None:
    run = make_run()
    assert "Loss scale" not in said(run)
    scaled = [line | ({"loss_scale": 2.0 ** (16 - line["epoch"])} if "loss" in line else {}) for line in metrics()]
    write_lines(run / "metrics.jsonl", scaled)

    assert "Loss scale" in said(run)


def test_the_proof_of_an_export_is_shown(make_run: MakeRun) -> None:
    run = make_run()
    write(run / "export.json", EXPORT)

    words = said(run)

    assert "onnx 2.0 KiB onnxruntime 100.0 % n=240 2.5e-06" in words
    assert "air 4.0 KiB not compared" in words
    assert "Bundle: /bundles/head" in words
    assert "other weights" not in words


def test_an_export_of_other_weights_says_so(make_run: MakeRun) -> None:
    run = make_run()
    write(run / "export.json", EXPORT | {"sha256": "cd" * 32})

    assert "The export is of other weights than the results above." in said(run)


@pytest.mark.parametrize(("name", "read"), [("data.json", read_split_facts), ("export.json", read_export)])
@pytest.mark.parametrize("content", ["{", "[]", '{"splits": {"test": {}}, "models": {"onnx": {}}, "sha256": ""}'])
def test_a_damaged_file_is_named(make_run: MakeRun, name: str, read: Callable[[Path], Any], content: str) -> None:
    run = make_run()
    (run / name).write_text(content)

    with pytest.raises(ReportError, match=name):
        read(run)


def test_the_language_of_a_written_report_is_known(make_run: MakeRun) -> None:
    run = make_run()
    assert written_lang(run) is None
    for lang in ("zh", "en"):
        write_report(run, lang)
        assert written_lang(run) == lang
