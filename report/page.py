"""Writes report.html of one run: `python -m report.page RUN...`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from common.door import EXIT_OK, DoorParser, open_door
from common.files import write_text
from report import curves
from report.bar_chart import Bar, bar_chart
from report.budget import read_budget
from report.calibration import expected_calibration_error, reliability, reliability_chart
from report.confusion_matrix import MOST_DRAWN, confusion_matrix
from report.formats import LocalFormats, percent
from report.kept_pictures import NONE_KEPT, read_kept_pictures
from report.mistakes import class_names, worst_mistakes
from report.origin import commands, sections, surroundings
from report.predictions import read_predictions
from report.render import render
from report.run_checks import how_best_was_chosen, read_export, read_split_facts
from report.run_folder import read_run_with_warnings
from report.run_values import Evaluation, Run
from report.words import Lang, Words, words
from report.wrong_pictures import WrongPictures, wrong_pictures

WORST_MISTAKES = 8


def write_report(run: Path, lang: Lang = "en") -> Path:
    """Write `report.html` into a run folder.

    Args:
        run: the folder that train.py wrote.
        lang: of its words.

    Returns:
        The page.

    Raises:
        ReportError: the folder is not a run, or a file in it is damaged.
    """
    values, word = read_run_with_warnings(run), words(lang)
    shown = values.clean_test or values.val or next(iter(values.evaluations), None)
    names = class_names(values, shown) if shown else ()
    predictions = read_predictions(values.path, shown.split) if shown else None
    bins = reliability(predictions or ())
    kept = read_kept_pictures(values.path, shown.split, shown.sha256) if shown else NONE_KEPT
    wrong = None if predictions is None else wrong_pictures(predictions, names, kept)
    page = render(
        "report.html.j2",
        lang,
        run=values,
        budget=read_budget(values.path),
        shown=shown,
        as_points=len(names) > MOST_DRAWN,
        scores=sorted(shown.per_class, key=lambda score: (score.f1, score.name)) if shown else (),
        mistakes=worst_mistakes(names, shown.confusion)[:WORST_MISTAKES] if shown else (),
        data=read_split_facts(values.path),
        chosen_by=how_best_was_chosen(values, LocalFormats(word)),
        export=read_export(values.path),
        wrong=wrong,
        exact_maps=kept.exact,
        calibration_error=expected_calibration_error(bins),
        charts={**_charts(values, shown, names, wrong, word), "reliability": reliability_chart(bins, word)},
        time_shares={word.get(name, name): percent(share) for name, share in values.summary.time_shares.items()},
        commands=commands(values, word),
        config=sections(values.config, title=word["run"]),
        surroundings=surroundings(values, word),
    )
    target = values.path / "report.html"
    write_text(target, page)
    return target


def written_lang(run: Path) -> Lang | None:
    """The language of the report that lies in a run folder; None where there is none."""
    try:
        with (run / "report.html").open(encoding="utf-8", errors="replace") as page:
            return "zh" if '<html lang="zh-CN">' in page.read(200) else "en"
    except OSError:
        return None


def _charts(
    run: Run, shown: Evaluation | None, names: Sequence[str], wrong: WrongPictures | None, word: Words
) -> dict[str, Element | None]:
    linked = {pair.cell for pair in wrong.pairs} if wrong else set()
    bars = [Bar(_split_label(e, word), e.top1, e.interval, doubtful=e.leaking or e.chosen_on) for e in run.evaluations]
    return {
        "splits": bar_chart(word["top1_by_split_chart"], bars),
        "loss": curves.loss_chart(run, word),
        "accuracy": curves.accuracy_chart(run, word),
        "learning_rate": curves.learning_rate_chart(run, word),
        "loss_scale": curves.loss_scale_chart(run, word),
        "speed": curves.speed_chart(run, word),
        "confusion": confusion_matrix(names, shown.confusion, linked, word) if shown and shown.confusion else None,
        "cpu": curves.cpu_chart(run, word),
        "memory": curves.memory_chart(run, word),
        "npu": curves.npu_chart(run, word),
        "npu_memory": curves.npu_memory_chart(run, word),
        "npu_temperature": curves.npu_temperature_chart(run, word),
    }


def _split_label(evaluation: Evaluation, word: Words) -> str:
    name = word.get(evaluation.split, evaluation.split)
    marks = [word["leaking"]] if evaluation.leaking else []
    marks += [word["chosen_on"].format(name)] if evaluation.chosen_on else []
    return f"{name} ({', '.join(marks)})" if marks else name


def main(argv: Sequence[str]) -> int:
    """Write the page of every run named."""
    parser = DoorParser(prog="python -m report.page", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folder of train.py")
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="of the page (default: en)")
    options = parser.parse_args(argv)
    for run in options.runs:
        print(write_report(run, options.lang))
    return EXIT_OK


if __name__ == "__main__":
    open_door(main)
