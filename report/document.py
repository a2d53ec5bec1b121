"""The parts that pages are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from common.files import write_text
from report.markup import element, to_html
from report.style import style_sheet


def write_page(target: Path, title: str, parts: Sequence[Element | None], *, wide: bool = False) -> Path:
    """Write one self-contained HTML file: no script, no outside file; whole or not at all."""
    page = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", title),
            element("style", style_sheet()),
        ),
        element("body", element("main", *parts, class_="wide" if wide else None)),
        lang="en",
    )
    write_text(target, to_html(page))
    return target


def badge(content: str, kind: str) -> Element:
    """A small framed word; `kind` is good or warn."""
    return element("span", content, class_=f"badge {kind}")


def figure(title: str, chart: Element | None, caption: str | None = None) -> Element:
    """A chart with its title; says so where there is nothing to draw."""
    return element(
        "figure",
        element("h3", title),
        chart if chart is not None else element("p", "not measured", class_="soft"),
        element("figcaption", caption) if caption else None,
    )


def facts(pairs: Sequence[tuple[str, str]]) -> Element:
    """Names and values in two columns."""
    parts = [part for name, value in pairs for part in (element("dt", name), element("dd", value))]
    return element("dl", *parts)


def note(content: str) -> Element:
    """A line that the reader must not miss."""
    return element("p", content, class_="note")
