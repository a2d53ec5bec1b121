"""The table of a time budget's methods on a run's page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import ReportError
from report.page import write_report
from tests.unit.report.test_page import read

MakeRun = Callable[..., Path]


def left_out(method: str, forecast: float | None, left: float | None) -> dict[str, Any]:
    why = {"state": "left_out", "reason": "in English", "forecast": forecast, "left": left}
    return {"method": method, "seconds": 31.0, "chosen": False, **why}


def done(method: str, correct: int, chosen: bool, difference: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "method": method, "state": "done", "seconds": 20.4, "chosen": chosen, "n": 60, "correct": correct,
        "difference": difference,
    }  # fmt: skip


def record(*methods: dict[str, Any]) -> str:
    return json.dumps(
        {"budget_seconds": 300, "seconds": 280.0, "n_val": 60, "val_photos": 52, "methods": list(methods)}
    )


HEAD = done("head", 40, False, None)
PARTIAL = done("partial", 50, True, {"top1": 10 / 60, "interval": [0.07, 0.26], "better": 10, "worse": 0})


@pytest.fixture
def page(make_run: MakeRun) -> Callable[..., str]:
    def write(*methods: dict[str, Any], lang: Any = "en") -> str:
        run = make_run()
        (run / "budget.json").write_text(record(*methods))
        return " ".join(read(write_report(run, lang)).words.split())

    return write


def test_each_method_stands_with_counts_difference_and_outcome(page: Callable[..., str]) -> None:
    words = page(HEAD, PARTIAL, left_out("full", 750.0, 180.0))
    assert "head not kept 40 of 60 (66.7 %) – 20" in words
    assert "partial kept 50 of 60 (83.3 %) +16.7 points (+7.0 to +26.0) 20" in words
    assert "full left out: forecast 12 min 30 s, 3 min 00 s left – – 31" in words


def test_the_page_says_that_val_is_too_high_where_it_chose(page: Callable[..., str]) -> None:
    assert "Val chose among 2 methods: its score is too high for the kept one." in page(HEAD, PARTIAL)


def test_val_that_chose_nothing_is_not_said_to_be_too_high(page: Callable[..., str]) -> None:
    assert "Val chose among" not in page(HEAD, left_out("partial", None, None))


def test_the_rule_and_what_it_rests_on_stand_below(page: Callable[..., str]) -> None:
    assert "on 60 val pictures of 52 photos" in page(HEAD, PARTIAL)


def test_a_chinese_page_gives_the_reason_in_chinese(page: Callable[..., str]) -> None:
    words = page(HEAD, left_out("full", 750.0, 180.0), lang="zh")
    assert "未执行：预计需" in words
    assert "in English" not in words


def test_a_run_without_a_budget_has_no_such_table(make_run: MakeRun) -> None:
    assert "What each method brought" not in read(write_report(make_run())).words


@pytest.mark.parametrize("text", ["{", "[]", '{"methods": []}', record({"method": "head"})])
def test_a_damaged_record_is_told(make_run: MakeRun, text: str) -> None:
    run = make_run()
    (run / "budget.json").write_text(text)
    with pytest.raises(ReportError, match=r"budget\.json: damaged"):
        write_report(run)
