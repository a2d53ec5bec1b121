from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from common.door import run_door
from report.page import main, write_report

MakeRun = Callable[..., Path]


class Balanced(HTMLParser):
    """Refuses tags that are closed in the wrong order; collects what is read and what is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [str(value) for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += f"{data} "


def read(page: Path) -> Balanced:
    parser = Balanced()
    parser.feed(page.read_text(encoding="utf-8"))
    parser.close()
    assert parser.open == []
    return parser


def test_result_stands_first_with_interval_and_n(make_run: MakeRun) -> None:
    words = " ".join(read(write_report(make_run())).words.split())
    head = words[: words.index("Curves")]
    assert "test top-1 80.0 % 95 % interval 65.2 to 89.5 % 32 of n = 40" in head
    assert "trainable 33,306 (1.5 %)" in head


def test_the_page_loads_nothing_and_runs_nothing(make_run: MakeRun) -> None:
    page = read(write_report(make_run()))
    assert page.loads == []
    assert not {"script", "link", "img", "iframe"} & page.tags
    assert "url(" not in page.words


def test_class_names_are_escaped_and_chinese_is_kept(make_run: MakeRun) -> None:
    page = read(write_report(make_run()))
    assert "纸板 <b>&" in page.words
    assert "b" not in page.tags


def test_every_picture_on_the_page_is_valid_xml(make_run: MakeRun) -> None:
    pictures = re.findall("<svg.*?</svg>", write_report(make_run()).read_text(encoding="utf-8"), re.DOTALL)
    assert len(pictures) == 8
    for picture in pictures:
        ElementTree.fromstring(picture)


def test_a_leaking_split_is_marked_and_stands_last(make_run: MakeRun, evaluation: Callable[..., Any]) -> None:
    splits = [evaluation("official", leaking=True), evaluation("test"), evaluation("val")]
    words = read(write_report(make_run(evaluations=splits))).words
    assert words.index("test top-1") < words.index("val top-1") < words.index("official top-1")
    assert "LEAKING" in words[words.index("official top-1") :]
    assert "LEAKING" not in words[: words.index("official top-1")]


def test_a_split_that_chose_the_checkpoint_is_marked(make_run: MakeRun, evaluation: Callable[..., Any]) -> None:
    splits = [evaluation("test") | {"chosen_on": True}, evaluation("val")]
    assert "CHOSEN ON test" in read(write_report(make_run(evaluations=splits))).words


def test_a_solved_head_has_no_curves(make_run: MakeRun) -> None:
    run = make_run()
    solved = {"kind": "epoch", "epoch": 0, "step": 0, "val_top1": 0.9, "val_loss": 0.4}
    (run / "metrics.jsonl").write_text(json.dumps(solved) + "\n")

    words = read(write_report(run)).words

    assert "Curves" not in words
    assert "Where it errs" in words


@pytest.mark.parametrize(("size", "said"), [(5, False), (6, True)])
def test_top5_is_said_where_it_can_be_wrong(
    make_run: MakeRun, evaluation: Callable[..., Any], size: int, said: bool
) -> None:
    names = [f"c{index}" for index in range(size)]
    counts = [[2 if row == column else 0 for column in range(size)] for row in range(size)]

    words = read(write_report(make_run(classes=names, evaluations=[evaluation("test", counts, names)]))).words

    assert ("top-5" in words) == said


def test_classes_are_listed_from_the_worst_f1(make_run: MakeRun) -> None:
    words = read(write_report(make_run())).words
    table = words[words.index("Per class, worst first") : words.index("Resources")]
    # By hand: F1 = 2 * hits / (row + column): 14/21, 12/17, 18/21, 20/21.
    places = [table.index(name) for name in ("Banana Peel", "Seashell", "Cans", "纸板")]
    assert places == sorted(places)
    assert "0.667" in table
    assert "0.706" in table


def test_what_is_missing_is_called_not_measured(make_run: MakeRun) -> None:
    path = make_run(evaluations=[], state="failed")
    for name in ("summary.json", "metrics.jsonl", "resources.jsonl", "environment.json", "preprocessing.json"):
        (path / name).unlink()
    words = read(write_report(path)).words
    assert words.count("not measured") > 10
    assert "resources.jsonl is missing" in words
    assert "This run is failed, not finished" in words


def test_the_command_is_the_recorded_one_or_the_resolved_config(make_run: MakeRun) -> None:
    path = make_run()
    assert f"git checkout c0ffee\npython train.py --config {path}/config.yaml" in read(write_report(path)).words
    (path / "environment.json").write_text('{"command": ["python", "train.py", "--name", "a b"]}')
    assert "python train.py --name 'a b'" in read(write_report(path)).words


def test_the_command_line_writes_the_page_or_says_why_not(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run()
    assert main([str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(path / "report.html")
    assert run_door(main, [str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'nowhere'}: no such folder\n"


def test_a_browser_draws_the_page(make_run: MakeRun, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("chromium is not installed")
    page, shot = write_report(make_run()), tmp_path / "shot.png"
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--blink-settings=preferredColorScheme=1",
        f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,1400", f"--screenshot={shot}",
    ]  # fmt: skip
    subprocess.run([browser, *flags, page.as_uri()], check=True, capture_output=True, timeout=120)
    with Image.open(shot) as picture:
        colors = {color for _, color in picture.convert("RGB").getcolors(maxcolors=1 << 20) or ()}
    assert {(0x2A, 0x78, 0xD6), (0xFF, 0xFF, 0xFF), (0xF6, 0xF7, 0xF9)} <= colors  # first series, card, page


def test_the_page_says_where_the_time_went(make_run: MakeRun) -> None:
    run = make_run(summary={"time_budget": {"step": 6.0, "input_wait": 3.0, "other": 1.0}})
    words = " ".join(read(write_report(run)).words.split())
    assert "Shares of the wall time step 60.0 % input wait 30.0 % other 10.0 %" in words


def test_a_run_of_an_older_version_has_no_shares(make_run: MakeRun) -> None:
    assert "Shares of the wall time" not in read(write_report(make_run())).words


def test_a_page_of_1000_classes_stays_under_three_megabytes(
    make_run: MakeRun, evaluation: Callable[..., Any], tmp_path: Path
) -> None:
    size, rng = 1000, np.random.default_rng(0)
    names = [f"n{index:08d} a_synset_with_a_long_name" for index in range(size)]
    counts = np.diag(np.full(size, 35))
    np.add.at(counts, tuple(rng.integers(0, size, (2, 4_000))), 1)
    run = make_run(classes=names, evaluations=[evaluation("test", counts.tolist(), names)])
    noise = rng.integers(0, 256, (128, 128, 3), np.uint8)  # what JPEG makes least of
    Image.fromarray(noise).save(tmp_path / "noise.png")
    with (run / "predictions_test.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["path", "label", "predicted", "confidence"])
        for true, predicted in zip(*np.nonzero(counts), strict=True):
            row = [tmp_path / "noise.png", names[true], names[predicted], "0.9"]
            table.writerow(row)

    page = write_report(run)

    assert page.stat().st_size < 3_000_000
    assert {"image", "img", "details"} <= read(page).tags
