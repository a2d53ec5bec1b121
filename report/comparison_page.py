"""The page and the Markdown file over several runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from common.intervals import wilson_interval
from report import formats
from report.bar_chart import Bar, bar_chart
from report.comparison_table import html_table, markdown_table, markdown_text
from report.curves import percent_tick
from report.document import figure, note, write_page
from report.groups import Comparison, Group, clean_test_top1
from report.line_chart import Series, line_chart
from report.markup import element
from report.run_values import EpochPoint, Run

LEGEND = (
    "Sorted by clean test accuracy. A single run's accuracy stands with its Wilson 95 % interval and n; several seeds "
    "with their mean and range. 100 % CPU is one core."
)


def write_comparison_page(comparison: Comparison, target: Path) -> Path:
    """Write the comparison as one self-contained HTML file."""
    return write_page(target, "Comparison of runs", list(_parts(comparison)), wide=True)


def comparison_markdown(comparison: Comparison) -> str:
    """The comparison as a Markdown document."""
    parts = ["# Comparison of runs\n"]
    parts += [f"> {markdown_text(line)}\n" for line in comparison.notes]
    parts.append(markdown_table(comparison) if comparison.groups else "No finished run.\n")
    if comparison.groups:
        parts.append(f"{LEGEND}\n")
    if comparison.unfinished:
        lines = "".join(f"- {markdown_text(_how_far(run))}\n" for run in comparison.unfinished)
        parts.append(f"## Not finished\n\n{lines}")
    return "\n".join(parts)


def _parts(comparison: Comparison) -> Iterator[Element]:
    runs = sum(len(group.runs) for group in comparison.groups)
    yield element("h1", "Comparison of runs")
    yield element("p", f"{len(comparison.groups)} recipes · {runs} finished runs", class_="soft")
    for line in comparison.notes:
        yield note(line)
    if comparison.groups:
        yield element("h2", "Results")
        yield element("div", element("div", html_table(comparison), class_="scroll sticky"), class_="card scroll")
        yield element("p", LEGEND, class_="small soft")
        yield element("h2", "Side by side")
        yield element("section", *_charts(comparison), class_="grid")
    if comparison.unfinished:
        yield element("h2", "Not finished")
        yield element("ul", *(element("li", _how_far(run)) for run in comparison.unfinished))


def _how_far(run: Run) -> str:
    done = run.epochs[-1].epoch if run.epochs else 0
    reason = f" ({run.state_reason})" if run.state_reason else ""
    so_far = f", val top-1 so far {formats.percent(run.val_top1)}" if run.val_top1 is not None else ""
    return f"{run.label} ({run.path}): {run.state}{reason} after {done} epochs{so_far}"


def _charts(comparison: Comparison) -> Iterator[Element]:
    bars = [bar for color, group in enumerate(comparison.groups) if (bar := _bar(group, color))]
    caption = "Large dot: mean; small: seeds; whiskers: Wilson 95 % interval of the mean, n being the test pictures."
    yield figure("Clean test top-1", bar_chart("Clean test top-1 of every recipe", bars, zoom=True), caption)
    caption = "One line per run; seeds of a recipe share a colour."
    yield figure(
        "Validation top-1",
        line_chart(
            "Validation top-1 over epochs",
            _overlay(comparison, "val_top1"),
            x_label="epoch",
            y_format=percent_tick,
            y_max=1.0,
        ),
        caption,
    )
    for title, value in (("Training loss", "train_loss"), ("Validation loss", "val_loss")):
        chart = line_chart(f"{title} over epochs", _overlay(comparison, value), x_label="epoch", y_zero=True)
        yield figure(title, chart, caption)


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
        for place, points in enumerate(filter(None, (_points(run.epochs, value) for run in group.runs)))
    ]


def _points(epochs: tuple[EpochPoint, ...], value: str) -> tuple[tuple[float, float | None], ...]:
    points = ((float(point.epoch), getattr(point, value)) for point in epochs)
    return tuple((x, y) for x, y in points if y is not None)
