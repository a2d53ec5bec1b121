from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from common import pages as shared_pages
from report.comparison_page import comparison_html
from report.groups import compare_runs
from report.page import write_report
from report.render import render
from report.run_folder import read_run
from report.svg import COLORS

MakeRun = Callable[..., Path]
STYLE = Path(shared_pages.__file__).parent / "templates" / "style.css"
HOSTILE = "<script>'\"&纸板\x00\x1b"


class Reader(HTMLParser):
    """Collects tags and texts as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_value_that_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="run"):
        render("report.html.j2")


def pages(run: Path) -> tuple[str, str]:
    comparison = compare_runs([read_run(run)])
    return write_report(run).read_text(encoding="utf-8"), comparison_html(comparison)


def test_any_name_is_shown_and_never_markup(make_run: MakeRun) -> None:
    for page in map(Reader, pages(make_run(HOSTILE, folder="hostile"))):
        assert "<script>'\"&纸板\ufffd\ufffd" in page.words
        assert "script" not in page.tags


def test_pages_stand_alone(make_run: MakeRun) -> None:
    for page in pages(make_run()):
        assert page.count("<style>") == 1
        assert not re.search(r"url\(|@import|<script|<link|<img|src=|href=", page)


@pytest.mark.parametrize("block", [r":root \{(.*?)\}", r"prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}"])
def test_light_and_dark_have_a_colour_for_every_series(block: str) -> None:
    style = STYLE.read_text(encoding="utf-8")
    palette = re.search(block, style, re.DOTALL)
    assert palette is not None
    for index in range(COLORS):
        assert f"--c{index}: #" in palette[1]
        assert f".chart .c{index} {{ --c: var(--c{index}) }}" in style
