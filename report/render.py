"""Fills the templates of the pages."""

from __future__ import annotations

from pathlib import Path

from common.pages import page_environment
from report.formats import LocalFormats
from report.markup import printable, to_text
from report.words import Lang, words

_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, lang: Lang = "en", **values: object) -> str:
    """Fill a template: every text is escaped, and a value that is not given is an error.

    Args:
        template: name of a file in `report/templates`.
        lang: of its words.
        values: what the template names; it also knows `word` and `formats`, and `svg` writes a chart.

    Returns:
        One self-contained HTML page: no script, no outside file.
    """
    environment = page_environment(_TEMPLATES)
    word = words(lang)
    environment.globals |= {"lang": lang, "word": word, "formats": LocalFormats(word)}
    environment.filters["svg"] = to_text
    return printable(environment.get_template(template).render(values))
