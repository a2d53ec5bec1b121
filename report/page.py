"""Writes report.html of one run: `python -m report.page RUN...`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from common.door import EXIT_OK, DoorParser, open_door
from common.files import write_text
from report import curves
from report.bar_chart import Bar, bar_chart
from report.calibration import expected_calibration_error, reliability, reliability_chart
from report.confusion_matrix import confusion_matrix
from report.formats import percent
from report.mistakes import class_names, worst_mistakes
from report.origin import commands, sections, surroundings
from report.predictions import read_predictions
from report.render import render
from report.run_folder import read_run
from report.run_values import Evaluation, Run
from report.wrong_pictures import WrongPictures, wrong_pictures

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
    shown = values.clean_test or values.val or next(iter(values.evaluations), None)
    names = class_names(values, shown) if shown else ()
    predictions = read_predictions(values.path, shown.split) if shown else None
    bins = reliability(predictions or ())
    wrong = None if predictions is None else wrong_pictures(predictions, names)
    page = render(
        "report.html.j2",
        run=values,
        shown=shown,
        scores=sorted(shown.per_class, key=lambda score: (score.f1, score.name)) if shown else (),
        mistakes=worst_mistakes(names, shown.confusion)[:WORST_MISTAKES] if shown else (),
        wrong=wrong,
        calibration_error=expected_calibration_error(bins),
        charts={**_charts(values, shown, names, wrong), "reliability": reliability_chart(bins)},
        time_shares={name: percent(share) for name, share in values.summary.time_shares.items()},
        commands=commands(values),
        config=sections(values.config, "run"),
        surroundings=surroundings(values),
    )
    target = values.path / "report.html"
    write_text(target, page)
    return target


def _charts(
    run: Run, shown: Evaluation | None, names: Sequence[str], wrong: WrongPictures | None
) -> dict[str, Element | None]:
    linked = {pair.cell for pair in wrong.pairs} if wrong else set()
    bars = [
        Bar(f"{e.split} (leaking)" if e.leaking else e.split, e.top1, e.interval, doubtful=e.leaking)
        for e in run.evaluations
    ]
    return {
        "splits": bar_chart("Top-1 by split with 95 % intervals", bars),
        "loss": curves.loss_chart(run),
        "accuracy": curves.accuracy_chart(run),
        "learning_rate": curves.learning_rate_chart(run),
        "speed": curves.speed_chart(run),
        "confusion": confusion_matrix(names, shown.confusion, linked) if shown and shown.confusion else None,
        "cpu": curves.cpu_chart(run),
        "memory": curves.memory_chart(run),
        "npu": curves.npu_chart(run),
        "npu_memory": curves.npu_memory_chart(run),
        "npu_temperature": curves.npu_temperature_chart(run),
    }


def main(argv: Sequence[str]) -> int:
    """Write the page of every run named."""
    parser = DoorParser(prog="python -m report.page", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folder of train.py")
    for run in parser.parse_args(argv).runs:
        print(write_report(run))
    return EXIT_OK


if __name__ == "__main__":
    open_door(main)
