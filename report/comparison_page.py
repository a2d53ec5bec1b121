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

LEGEND = (
    "Sorted by clean test accuracy. A single run's accuracy stands with its Wilson 95 % interval and n; several seeds "
    "with their mean and range. 100 % CPU is one core."
)

TEST_COLUMNS = ("run", "against", "split", "pictures", "it alone right", "the other alone right", "points", "p")
TEST_LEGEND = (
    "Exact McNemar test on the same pictures; points are top-1. Of k tests hold p against 0.05 / k: the smallest of "
    "several is small by chance more often. Seeds are not in it: it is about these two networks, not their recipes."
)


def comparison_html(comparison: Comparison, folder: Path | None = None) -> str:
    """The comparison as one self-contained HTML page.

    Args:
        comparison: the runs.
        folder: where the page will be, so that it can lead to the runs' reports; None makes no links.
    """
    over = columns(comparison.leaking_splits)
    tests, untested = paired_tests(comparison.finished, tell_apart(comparison.finished))
    return render(
        "comparison.html.j2",
        comparison=comparison,
        columns=over,
        test_columns=TEST_COLUMNS,
        rows=[(row, _link(row, folder)) for row in rows(comparison, over)],
        legend=LEGEND,
        differences=recipe_differences(comparison.groups),
        tests=tests,
        untested=untested,
        test_legend=TEST_LEGEND,
        charts=_charts(comparison),
        unfinished=[_how_far(run) for run in comparison.unfinished],
    )


def comparison_markdown(comparison: Comparison) -> str:
    """The comparison as a Markdown document."""
    parts = ["# Comparison of runs\n"]
    parts += [f"> {markdown_text(line)}\n" for line in comparison.notes]
    parts.append(markdown_table(comparison) if comparison.groups else "No finished run.\n")
    if comparison.groups:
        parts.append(f"{LEGEND}\n")
        parts += [*_test_lines(comparison), *_difference_lines(comparison)]
    if comparison.unfinished:
        lines = "".join(f"- {markdown_text(_how_far(run))}\n" for run in comparison.unfinished)
        parts.append(f"## Not finished\n\n{lines}")
    return "\n".join(parts)


def _link(row: Row, folder: Path | None) -> str | None:
    """Address of a run's report from the page's folder, where there is one."""
    if folder is None or row.folder is None or not (row.folder / "report.html").is_file():
        return None
    return quote(os.path.relpath(row.folder.resolve() / "report.html", folder.resolve()).replace(os.sep, "/"))


def _test_lines(comparison: Comparison) -> list[str]:
    tests, untested = paired_tests(comparison.finished, tell_apart(comparison.finished))
    if not tests and not untested:
        return []
    lines = [
        f"| {markdown_text(test.label)} | {markdown_text(test.reference)} | {test.split} | {test.n:,} | "
        f"{test.only_run} | {test.only_reference} | {100 * test.difference:+.1f} | {test.p_value:.2g} |\n"
        for test in tests
    ]
    head = f"| {' | '.join(TEST_COLUMNS)} |\n| --- | --- | --- |{' ---: |' * 5}\n"
    table = [head + "".join(lines), f"{TEST_LEGEND}\n"] if tests else []
    return ["## Is the difference chance?\n", *table, *(f"{markdown_text(line)}\n" for line in untested)]


def _difference_lines(comparison: Comparison) -> list[str]:
    differences = recipe_differences(comparison.groups)
    if not differences:
        return []
    names = [markdown_text(group.name) for group in comparison.groups]
    lines = [f"| {key} | {' | '.join(map(markdown_text, values))} |\n" for key, values in differences]
    head = f"| key | {' | '.join(names)} |\n|{' --- |' * (len(names) + 1)}\n"
    return ["## What the recipes differ in\n", head + "".join(lines)]


def _how_far(run: Run) -> str:
    done = run.epochs[-1].epoch if run.epochs else 0
    reason = f" ({run.state_reason})" if run.state_reason else ""
    so_far = f", val top-1 so far {formats.percent(run.val_top1)}" if run.val_top1 is not None else ""
    return f"{run.label} ({run.path}): {run.state}{reason} after {done} epochs{so_far}"


def _charts(comparison: Comparison) -> dict[str, Element | None]:
    bars = [bar for color, group in enumerate(comparison.groups) if (bar := _bar(group, color))]
    val_top1, train_loss, val_loss = (_overlay(comparison, value) for value in ("val_top1", "train_loss", "val_loss"))
    shares, losses = YAxis(percent_tick, limit=1.0), YAxis(zero=True)
    return {
        "test_top1": bar_chart("Clean test top-1 of every recipe", bars, zoom=True),
        "val_top1": line_chart("Validation top-1 over epochs", val_top1, x_label="epoch", y_axis=shares),
        "train_loss": line_chart("Training loss over epochs", train_loss, x_label="epoch", y_axis=losses),
        "val_loss": line_chart("Validation loss over epochs", val_loss, x_label="epoch", y_axis=losses),
    }


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
