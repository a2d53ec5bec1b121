from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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
THEMES = (r":root \{(.*?)\}", r"prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}")
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


def luminance(color: Sequence[float]) -> float:
    """Relative luminance of WCAG 2.1 of an RGB colour, each 0..255."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("fill", ["hit", "miss"])
@pytest.mark.parametrize("block", THEMES)
def test_a_number_in_the_confusion_matrix_can_be_read_on_every_shade(block: str, fill: str) -> None:
    found = re.search(block, STYLE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    colors = {
        name: [int(digits[i : i + 2], 16) for i in (0, 2, 4)]
        for name, digits in re.findall(r"--([\w-]+): #(\w{6})", found[1])
    }
    for opacity in (0.15 + 0.85 * percent / 100 for percent in range(101)):  # as confusion_matrix draws shares
        shade = [
            own * opacity + ground * (1 - opacity) for own, ground in zip(colors[fill], colors["band"], strict=True)
        ]
        dark, light = sorted((luminance(colors["ink"]), luminance(shade)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize("block", THEMES)
def test_light_and_dark_have_a_colour_for_every_series(block: str) -> None:
    style = STYLE.read_text(encoding="utf-8")
    palette = re.search(block, style, re.DOTALL)
    assert palette is not None
    for index in range(COLORS):
        assert f"--c{index}: #" in palette[1]
        assert f".chart .c{index} {{ --c: var(--c{index}) }}" in style
