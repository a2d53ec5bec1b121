"""The report in two languages."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest

from report import page as page_module
from report.words import words

MakeRun = Callable[..., Path]
TEMPLATES = Path(page_module.__file__).parent / "templates"
TEMPLATES_OF_PAGES = sorted(path.name for path in TEMPLATES.glob("*.html.j2"))


def fields(text: str) -> list[str]:
    """The places that are filled in, in any order."""
    found = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    return sorted(name or str(place) for place, name in enumerate(found))


def visible(page: str) -> list[str]:
    """The texts that a reader sees, and those that are read out or shown on hovering."""
    texts: list[str] = []

    class Reader(HTMLParser):
        hidden = False

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.hidden = tag == "style"

        def handle_data(self, data: str) -> None:
            if data.strip() and not self.hidden:
                texts.append(data.strip())

    Reader().feed(page)
    return texts


@pytest.mark.parametrize("key", words("en"))
def test_both_languages_say_something_with_the_same_values(key: str) -> None:
    english, chinese = words("en")[key], words("zh")[key]

    assert english.strip()
    assert chinese.strip()
    assert fields(english) == fields(chinese)


@pytest.mark.parametrize("name", TEMPLATES_OF_PAGES)
def test_no_word_of_any_language_stands_in_a_template(name: str) -> None:
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    outside = re.sub(r"{% block width %}.*?{% endblock %}|{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", " ", text, flags=re.DOTALL)

    assert not re.search(r"[^\W\d_]", outside), outside.split()


def test_a_chinese_page_says_nothing_in_english(make_run: MakeRun) -> None:
    run = make_run()
    english = {text for text in words("en").values() if " " in text and "{" not in text} - set(words("zh").values())

    page = page_module.write_report(run, "zh").read_text(encoding="utf-8")

    assert '<html lang="zh-CN">' in page
    assert not [text for text in visible(page) if text in english]
    assert {"曲线", "资源占用", "复现方法", "混淆矩阵"} <= set(visible(page))


def test_a_chinese_page_names_its_seed_in_chinese(make_run: MakeRun) -> None:
    page = page_module.write_report(make_run("head", 3), "zh").read_text(encoding="utf-8")

    assert "head 种子 3" in visible(page)
    assert "<title>head 种子 3 · 训练报告</title>" in page


def test_the_command_line_takes_the_language(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert page_module.main([str(make_run()), "--lang", "zh"]) == 0

    assert "训练报告" in Path(capsys.readouterr().out.strip()).read_text(encoding="utf-8")
