"""The page and the Markdown file over several runs."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from common.intervals import wilson_interval
from report import formats
from report.bar_chart import Bar, bar_chart
from report.comparison_table import columns, markdown_table, markdown_text, rows
from report.curves import over_epochs, percent_tick
from report.groups import Comparison, Group, clean_test_top1
from report.line_chart import Series, YAxis, line_chart
from report.render import render
from report.run_values import Run

LEGEND = (
    "Sorted by clean test accuracy. A single run's accuracy stands with its Wilson 95 % interval and n; several seeds "
    "with their mean and range. 100 % CPU is one core."
)


def comparison_html(comparison: Comparison) -> str:
    """The comparison as one self-contained HTML page."""
    over = columns(comparison.leaking_splits)
    return render(
        "comparison.html.j2",
        comparison=comparison,
        columns=over,
        rows=rows(comparison, over),
        legend=LEGEND,
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
    if comparison.unfinished:
        lines = "".join(f"- {markdown_text(_how_far(run))}\n" for run in comparison.unfinished)
        parts.append(f"## Not finished\n\n{lines}")
    return "\n".join(parts)


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
