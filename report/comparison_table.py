"""The table over runs: one set of columns for HTML, Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.names import printable, table_cell
from report.formats import LocalFormats
from report.groups import Comparison, Group, tell_apart
from report.run_values import Evaluation, Run
from report.words import ENGLISH, Words


@dataclass(frozen=True)
class Column:
    """One measured number per run.

    Args:
        key: name in the CSV file.
        title: name for people.
        value: takes it from a run; None where it was not measured.
        show: writes it for people.
        evaluation: for accuracies, the evaluation behind the number, for its interval and n.
    """

    key: str
    title: str
    value: Callable[[Run], float | None]
    show: Callable[[float | None], str]
    evaluation: Callable[[Run], Evaluation | None] | None = None


@dataclass(frozen=True)
class Cell:
    """A number and what stands below it in small."""

    main: str
    small: str = ""


@dataclass(frozen=True)
class Row:
    """One line; `kind` is `run` (a recipe's only run), `mean` (over seeds) or `seed` (one of several).

    `folder` is the run's, None for a mean.
    """

    kind: str
    name: str
    seeds: str
    cells: tuple[Cell, ...]
    folder: Path | None = None


def columns(comparison: Comparison, word: Words = ENGLISH) -> tuple[Column, ...]:
    """The columns, with more for splits that are no evidence, titled in the language of the words."""
    show = LocalFormats(word)

    def column(key: str, title: str, value: Callable[[Run], float | None], write: Callable[..., str]) -> Column:
        return Column(key, word[title], value, write)

    def summary(name: str, title: str, write: Callable[..., str]) -> Column:
        return column(name, title, lambda run: getattr(run.summary, name), write)

    def accuracy(key: str, title: str, evaluation: Callable[[Run], Evaluation | None]) -> Column:
        def value(run: Run) -> float | None:
            found = evaluation(run)
            return found.top1 if found else None

        return Column(key, title, value, show.percent, evaluation)

    def doubtful(mark: str, split: str) -> Column:
        def evaluation(run: Run) -> Evaluation | None:
            return next((e for e in run.evaluations if e.split == split and getattr(e, mark)), None)

        return accuracy(f"{split}_top1_{mark}", word[f"column_{mark}"].format(word.get(split, split)), evaluation)

    return (
        accuracy("test_top1", word["test top-1"], lambda run: run.clean_test),
        Column("val_top1", word["val top-1"], lambda run: run.val_top1, show.percent, lambda run: run.val),
        *(doubtful("leaking", split) for split in comparison.leaking_splits),
        *(doubtful("chosen_on", split) for split in comparison.choosing_splits),
        column("test_macro_f1", "test macro F1", _macro_f1, show.decimal),
        summary("trainable_parameters", "trainable parameters", show.count),
        summary("total_parameters", "all parameters", show.count),
        summary("features_seconds", "features", show.seconds),
        summary("train_seconds", "training", show.seconds),
        summary("eval_seconds", "evaluation", show.seconds),
        summary("total_seconds", "wall time in all", show.seconds),
        summary("images_per_second", "images/s", show.count),
        summary("mean_cpu_percent", "mean CPU", show.cpu),
        summary("peak_cpu_percent", "peak CPU", show.cpu),
        summary("peak_rss_mb", "peak memory", show.mebibytes),
        summary("saved_bytes", "to be saved", show.size),
    )


def rows(comparison: Comparison, over: Sequence[Column], word: Words = ENGLISH) -> Iterator[Row]:
    """Every recipe's row; below the mean of several runs, each of them."""
    labels = tell_apart(comparison.finished, word)
    for group in comparison.groups:
        if len(group.runs) > 1:
            seeds = word["n_seeds"].format(group.seeds) if group.seeds > 1 else word["one_seed"]
            yield Row("mean", group.name, seeds, tuple(_mean_cell(group, column, word) for column in over))
        kind = "run" if len(group.runs) == 1 else "seed"
        for run in group.runs:
            seed = word["seed_unknown"] if run.seed is None else word["seed"].format(run.seed)
            twin = labels[run.path].removeprefix(run.label(word))  # the folder, where a run has the same name and seed
            yield Row(kind, run.name, seed + twin, tuple(_run_cell(run, column, word) for column in over), run.path)


def markdown_table(comparison: Comparison, word: Words = ENGLISH) -> str:
    """The table in Markdown."""
    over = columns(comparison, word)
    lines = [
        [word["recipe"], word["seeds"], *(column.title for column in over)],
        ["---", "---", *("---:" for _ in over)],
    ]
    for row in rows(comparison, over, word):
        bold = "**" if row.kind == "mean" else ""
        cells = [
            f"{bold}{cell.main}{bold} ({cell.small})" if cell.small else f"{bold}{cell.main}{bold}"
            for cell in row.cells
        ]
        lines.append([f"{bold}{markdown_text(row.name)}{bold}", row.seeds, *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def markdown_text(text: str) -> str:
    """Escape what would break a table or be read as markup."""
    return "".join(f"\\{c}" if c in "\\|*`<>[]" else c for c in text.replace("\n", " "))


def csv_table(comparison: Comparison) -> str:
    """The plain numbers: shares of 0..1, seconds, bytes; one line per run, and a mean line per several seeds."""
    over = columns(comparison)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    head = ["kind", "name", "seed", "state", "runs", "folder"]
    for column in over:
        head.append(column.key)
        head += [f"{column.key}_{end}" for end in ("low", "high", "n")] if column.evaluation else []
    writer.writerow([*head])
    for group in comparison.groups:
        if len(group.runs) > 1:
            writer.writerow(
                ["mean", table_cell(group.name), "", "finished", len(group.runs), "", *_csv_mean(group, over)]
            )
        for run in group.runs:
            writer.writerow(
                [
                    "run",
                    table_cell(run.name),
                    run.seed,
                    run.state,
                    1,
                    table_cell(printable(run.path)),
                    *_csv_run(run, over),
                ]
            )
    for run in comparison.unfinished:
        writer.writerow(
            [
                "unfinished",
                table_cell(run.name),
                run.seed,
                run.state,
                1,
                table_cell(printable(run.path)),
                *_csv_run(run, over),
            ]
        )
    return stream.getvalue()


def _csv_run(run: Run, over: Sequence[Column]) -> Iterator[float | str | None]:
    for column in over:
        yield column.value(run)
        if column.evaluation:
            found = column.evaluation(run)
            yield from (*found.interval, found.n) if found else (None, None, None)


def _csv_mean(group: Group, over: Sequence[Column]) -> Iterator[float | str | None]:
    """For means, low and high are the range over the runs, and n is their number."""
    for column in over:
        spread = group.spread(column.value)
        yield spread.mean if spread else None
        if column.evaluation:
            yield from (spread.low, spread.high, spread.runs) if spread else (None, None, None)


def _run_cell(run: Run, column: Column, word: Words) -> Cell:
    found = column.evaluation(run) if column.evaluation else None
    small = f"{LocalFormats(word).interval(found.interval)}, n={found.n}" if found else ""
    return Cell(column.show(column.value(run)), small)


def _mean_cell(group: Group, column: Column, word: Words) -> Cell:
    spread = group.spread(column.value)
    if spread is None:
        return Cell(word["not_measured"])
    part = word["part_of_runs"].format(spread.runs, len(group.runs)) if spread.runs < len(group.runs) else ""
    low, high = column.show(spread.low), column.show(spread.high)
    span = "" if low == high else f"{low} {word['to']} {high}"
    if column.evaluation:
        span = LocalFormats(word).interval((spread.low, spread.high))
        part = part or word["n_runs"].format(spread.runs)
    return Cell(column.show(spread.mean), ", ".join(filter(None, (span, part))))


def _macro_f1(run: Run) -> float | None:
    return run.clean_test.macro_f1 if run.clean_test else None
