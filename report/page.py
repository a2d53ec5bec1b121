"""Writes report.html of one run: `python -m report.page RUN...`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from common.door import EXIT_OK, DoorParser, run_door
from common.results import ClassScore
from report import curves, formats
from report.bar_chart import Bar, bar_chart
from report.confusion_matrix import confusion_matrix
from report.document import badge, facts, figure, note, write_page
from report.markup import element
from report.origin import origin
from report.run_folder import read_run
from report.run_values import Evaluation, Run

WORST_MISTAKES = 8


def write_report(run: Path) -> Path:
    """Write `report.html` into a run folder.

    Args:
        run: the folder that train.py wrote.

    Returns:
        The page.

    Raises:
        ReportError: the folder is not a run, or a file in it is damaged.
    """
    values = read_run(run)
    parts = [*_head(values), *_curves(values), *_mistakes(values), *_resources(values), *origin(values)]
    return write_page(values.path / "report.html", f"{values.label} · report", parts)


def _head(run: Run) -> Iterator[Element | None]:
    model = run.config.get("model")
    model_name = model.get("name") if isinstance(model, dict) else None
    state = badge(run.state, "good" if run.finished else "warn")
    yield element("h1", f"{run.label} ", state)
    about = [str(model_name or ""), f"{len(run.classes)} classes" if run.classes else "", str(run.path.name)]
    yield element("p", " · ".join(filter(None, about)), class_="soft")
    if not run.finished:
        reason = f" ({run.state_reason})" if run.state_reason else ""
        yield note(f"This run is {run.state}, not finished{reason}. Its numbers are provisional.")
    cards = [_result_card(evaluation) for evaluation in run.evaluations]
    if run.val is None and run.val_top1 is not None:
        cards.append(
            _card("val top-1", formats.percent(run.val_top1), "from summary.json; n and interval not measured")
        )
    if run.clean_test is None:
        cards.append(_card("test top-1", "–", "not measured on a clean test split"))
    yield element("section", *cards, class_="results")
    if len(run.evaluations) > 1:
        bars = [
            Bar(e.split + (" (leaking)" if e.leaking else ""), e.top1, e.interval, color=0, doubtful=e.leaking)
            for e in run.evaluations
        ]
        chart = bar_chart("Top-1 by split with 95 % intervals", bars)
        yield element("div", figure("Top-1 by split", chart, "Whiskers: Wilson 95 % intervals."),
                      element("div", element("h3", "In short"), _short_facts(run), class_="card"),
                      class_="grid", style="margin-top:14px")  # fmt: skip
    else:
        yield element("div", element("h3", "In short"), _short_facts(run), class_="card", style="margin-top:14px")
    for line in (*(f"{name} is missing: what it holds is shown as not measured." for name in run.missing), *run.notes):
        yield note(line)


def _card(title: str, big: str, small: str) -> Element:
    return element(
        "div",
        element("div", title, class_="soft"),
        element("div", big, class_="big"),
        element("div", small, class_="small soft"),
        class_="card",
    )


def _result_card(evaluation: Evaluation) -> Element:
    more = [
        f"top-5 {formats.percent(evaluation.top5)}" if evaluation.top5 is not None else None,
        f"macro F1 {formats.decimal(evaluation.macro_f1)}" if evaluation.macro_f1 is not None else None,
        f"loss {formats.decimal(evaluation.loss)}" if evaluation.loss is not None else None,
    ]
    return element(
        "div",
        element(
            "div", f"{evaluation.split} top-1 ", badge("LEAKING", "warn") if evaluation.leaking else None, class_="soft"
        ),
        element("div", formats.percent(evaluation.top1), class_="big"),
        element("div", f"95 % interval {formats.interval(evaluation.interval)}", class_="small"),
        element("div", f"{evaluation.correct:,} of n = {evaluation.n:,}", class_="small"),
        element("div", " · ".join(filter(None, more)), class_="small soft"),
        element("div", "shares pictures with the training data: no evidence", class_="small")
        if evaluation.leaking
        else None,
        class_="card leaking" if evaluation.leaking else "card",
    )


def _short_facts(run: Run) -> Element:
    summary = run.summary
    trainable = formats.count(summary.trainable_parameters)
    if summary.trainable_parameters is not None and summary.total_parameters:
        trainable += f" ({summary.trainable_parameters / summary.total_parameters:.1%})"
    return facts(
        [
            ("epochs (best)", f"{formats.count(summary.epochs)} ({formats.count(summary.best_epoch)})"),
            ("parameters", formats.count(summary.total_parameters)),
            ("trainable", trainable),
            ("wall time", formats.seconds(summary.total_seconds)),
            ("images/s in training", formats.count(summary.images_per_second)),
            ("to be saved", formats.size(summary.saved_bytes)),
        ]
    )


def _curves(run: Run) -> Iterator[Element]:
    yield element("h2", "Curves")
    yield element(
        "section",
        figure(
            "Loss",
            curves.loss_chart(run),
            "Pale: windows of steps. The training loss includes label smoothing and augmentation if any.",
        ),
        figure(
            "Top-1 accuracy", curves.accuracy_chart(run), "Train: counted while training, with augmentation if any."
        ),
        figure("Learning rate", curves.learning_rate_chart(run)),
        figure("Images per second", curves.speed_chart(run)),
        class_="grid",
    )


def _mistakes(run: Run) -> Iterator[Element]:
    evaluation = run.clean_test or run.val or next(iter(run.evaluations), None)
    if evaluation is None:
        return
    title = f"Where it errs: {evaluation.split}, n = {evaluation.n:,} "
    yield element("h2", title, badge("LEAKING", "warn") if evaluation.leaking else None)
    names = _class_names(run, evaluation)
    if evaluation.confusion:
        chart = element("div", confusion_matrix(names, evaluation.confusion), class_="scroll")
        caption = "Numbers are pictures; the shade is the share of the row. Blue: right, orange: wrong."
        yield figure("Confusion matrix", chart, caption)
        yield _worst_mistakes(names, evaluation.confusion)
    else:
        yield figure("Confusion matrix", None)
    yield element("h2", "Per class, worst first")
    yield element("div", _class_table(evaluation.per_class), class_="card scroll")


def _class_names(run: Run, evaluation: Evaluation) -> tuple[str, ...]:
    size = len(evaluation.confusion)
    for names in (run.classes, tuple(score.name for score in evaluation.per_class)):
        if len(names) == size:
            return names
    return tuple(f"class {index}" for index in range(size))


def _worst_mistakes(names: Sequence[str], confusion: Sequence[Sequence[int]]) -> Element:
    mistakes = [
        (count, count / sum(row), names[true], names[predicted])
        for true, row in enumerate(confusion)
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    if not mistakes:
        return element("p", "No mistakes on this split.", class_="soft")
    rows = [
        element(
            "tr",
            element("td", f"{true} → {predicted}"),
            element("td", str(count)),
            element("td", formats.percent(share, 0)),
        )
        for count, share, true, predicted in sorted(mistakes, key=lambda m: (-m[0], -m[1], m[2], m[3]))[:WORST_MISTAKES]
    ]
    head = _header("most frequent mistakes (true → predicted)", "pictures", "of the class")
    table = element("table", head, element("tbody", *rows))
    return element("div", table, class_="card scroll", style="margin-top:14px")


def _class_table(scores: Sequence[ClassScore]) -> Element:
    if not scores:
        return element("p", formats.NOT_MEASURED, class_="soft")
    rows = [
        element(
            "tr",
            element("td", score.name),
            *(element("td", formats.decimal(value)) for value in (score.f1, score.precision, score.recall)),
            element("td", formats.count(score.n)),
            class_="zero" if score.f1 == 0 else None,
        )
        for score in sorted(scores, key=lambda score: (score.f1, score.name))
    ]
    return element("table", _header("class", "F1", "precision", "recall", "n"), element("tbody", *rows))


def _header(*titles: str) -> Element:
    return element("thead", element("tr", *(element("th", title) for title in titles)))


def _resources(run: Run) -> Iterator[Element]:
    summary = run.summary
    yield element("h2", "Resources")
    cpu = (
        f"mean {formats.cpu(summary.mean_cpu_percent)}, peak {formats.cpu(summary.peak_cpu_percent)}; 100 % is one core"
    )
    yield element(
        "section",
        figure("CPU load", curves.cpu_chart(run), cpu),
        figure("Memory (MiB)", curves.memory_chart(run), f"peak {formats.mebibytes(summary.peak_rss_mb)} resident"),
        class_="grid",
    )
    times = [
        ("features", formats.seconds(summary.features_seconds)),
        ("training", formats.seconds(summary.train_seconds)),
        ("evaluation", formats.seconds(summary.eval_seconds)),
        ("in all", formats.seconds(summary.total_seconds)),
    ]
    yield element("div", element("h3", "Wall time"), facts(times), class_="card", style="margin-top:14px")


def main(argv: Sequence[str]) -> int:
    """Write the page of every run named."""
    parser = DoorParser(prog="python -m report.page", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folder of train.py")
    for run in parser.parse_args(argv).runs:
        print(write_report(run))
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run_door(main, sys.argv[1:]))
