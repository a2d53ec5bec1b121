"""The page and the Markdown file over several runs."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote
from xml.etree.ElementTree import Element

from common.intervals import wilson_interval
from report import formats
from report.bar_chart import Bar, bar_chart
from report.comparison_table import Row, columns, markdown_table, markdown_text, rows
from report.curves import over_epochs, percent_tick
from report.groups import Comparison, Group, clean_test_top1, recipe_differences, tell_apart
from report.line_chart import Series, YAxis, line_chart
from report.paired import paired_tests
from report.render import render
from report.run_values import Run
from report.words import Lang, Words, words

TEST_COLUMNS = ("run", "against", "split", "pictures", "it alone right", "the other alone right", "points", "p")


def comparison_html(comparison: Comparison, folder: Path | None = None, lang: Lang = "en") -> str:
    """The comparison as one self-contained HTML page.

    Args:
        comparison: the runs.
        folder: where the page will be, so that it can lead to the runs' reports; None makes no links.
        lang: of its words.
    """
    word = words(lang)
    over = columns(comparison, word)
    tests, untested = paired_tests(comparison.finished, tell_apart(comparison.finished, word))
    return render(
        "comparison.html.j2",
        lang,
        comparison=comparison,
        columns=over,
        test_columns=[_test_column(name, word) for name in TEST_COLUMNS],
        rows=[(row, _link(row, folder)) for row in rows(comparison, over, word)],
        differences=recipe_differences(comparison.groups),
        tests=tests,
        untested=untested,
        charts=_charts(comparison, word),
        unfinished=[_how_far(run, word) for run in comparison.unfinished],
    )


def comparison_markdown(comparison: Comparison, lang: Lang = "en") -> str:
    """The comparison as a Markdown document, in a language."""
    word = words(lang)
    parts = [f"# {word['comparison']}\n"]
    parts += [f"> {markdown_text(note.text(word))}\n" for note in comparison.notes]
    parts.append(markdown_table(comparison, word) if comparison.groups else f"{word['no_finished_run']}\n")
    if comparison.groups:
        parts.append(f"{word['legend']}\n")
        parts += [*_test_lines(comparison, word), *_difference_lines(comparison, word)]
    if comparison.unfinished:
        lines = "".join(f"- {markdown_text(_how_far(run, word))}\n" for run in comparison.unfinished)
        parts.append(f"## {word['not_finished']}\n\n{lines}")
    return "\n".join(parts)


def _test_column(name: str, word: Words) -> str:
    return word["of_a_run"] if name == "run" else word[name]


def _link(row: Row, folder: Path | None) -> str | None:
    """Address of a run's report from the page's folder, where there is one."""
    if folder is None or row.folder is None or not (row.folder / "report.html").is_file():
        return None
    return quote(os.path.relpath(row.folder.resolve() / "report.html", folder.resolve()).replace(os.sep, "/"))


def _test_lines(comparison: Comparison, word: Words) -> list[str]:
    tests, untested = paired_tests(comparison.finished, tell_apart(comparison.finished, word))
    if not tests and not untested:
        return []
    lines = [
        f"| {markdown_text(test.label)} | {markdown_text(test.reference)} | {word.get(test.split, test.split)} | "
        f"{test.n:,} | {test.only_run} | {test.only_reference} | {100 * test.difference:+.1f} | {test.p_value:.2g} |\n"
        for test in tests
    ]
    head = f"| {' | '.join(_test_column(name, word) for name in TEST_COLUMNS)} |\n| --- | --- | --- |{' ---: |' * 5}\n"
    table = [head + "".join(lines), f"{word['test_legend']}\n"] if tests else []
    notes = (f"{markdown_text(note.text(word))}\n" for note in untested)
    return [f"## {word['is_it_chance']}\n", *table, *notes]


def _difference_lines(comparison: Comparison, word: Words) -> list[str]:
    differences = recipe_differences(comparison.groups)
    if not differences:
        return []
    names = [markdown_text(group.name) for group in comparison.groups]
    lines = [f"| {key} | {' | '.join(map(markdown_text, values))} |\n" for key, values in differences]
    head = f"| {word['key']} | {' | '.join(names)} |\n|{' --- |' * (len(names) + 1)}\n"
    return [f"## {word['differences']}\n", head + "".join(lines)]


def _how_far(run: Run, word: Words) -> str:
    done = run.epochs[-1].epoch if run.epochs else 0
    reason = f" ({run.state_reason})" if run.state_reason else ""
    so_far = word["val_so_far"].format(formats.percent(run.val_top1)) if run.val_top1 is not None else ""
    return word["how_far"].format(run.label(word), run.path, word.get(run.state, run.state), reason, done, so_far)


def _charts(comparison: Comparison, word: Words) -> dict[str, Element | None]:
    bars = [bar for color, group in enumerate(comparison.groups) if (bar := _bar(group, color))]
    shares, losses = YAxis(percent_tick, limit=1.0), YAxis(zero=True)
    charts = {"test_top1": bar_chart(word["clean_test"], bars, zoom=True)}
    for value, y_axis in (("val_top1", shares), ("train_loss", losses), ("val_loss", losses)):
        charts[value] = line_chart(word[value], _overlay(comparison, value), x_label=word["epoch"], y_axis=y_axis)
    return charts


def _bar(group: Group, color: int) -> Bar | None:
    spread = group.spread(clean_test_top1)
    if spread is None:
        return None
    # Seeds share their test pictures: more seeds do not make n larger.
    n = min(run.clean_test.n for run in group.runs if run.clean_test)
    dots = [top1 for top1 in map(clean_test_top1, group.runs) if top1 is not None]
    interval = wilson_interval(round(spread.mean * n), n)
    return Bar(group.name, spread.mean, interval, tuple(dots) if len(dots) > 1 else (), color)


def _overlay(comparison: Comparison, value: str) -> list[Series]:
    return [
        Series("" if place else group.name, points, color, end_label=False)
        for color, group in enumerate(comparison.groups)
        for place, points in enumerate(filter(None, (over_epochs(run, value) for run in group.runs)))
    ]
