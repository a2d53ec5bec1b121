"""The charts of one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from statistics import fmean, median
from xml.etree.ElementTree import Element

from report.formats import decimal, percent
from report.line_chart import Band, Series, YAxis, line_chart
from report.run_values import EpochPoint, ResourceSample, Run
from report.svg import tick_text
from report.words import ENGLISH, Words

_Line = tuple[str, Callable[[ResourceSample], float | None]]

PAUSE_SECONDS = 30.0  # a longer gap between two samples is a break in the line, not a straight line through it


def percent_tick(value: float) -> str:
    """A share as a tick in percent."""
    return f"{100 * value:.4g} %"


def epoch_of_step(step: int, epochs: tuple[EpochPoint, ...]) -> float | None:
    """Where a step lies between the epochs' ends; None where no epoch was finished.

    Example:
        >>> end = EpochPoint(1, 10, None, None, None, None)
        >>> epoch_of_step(5, (end,)), epoch_of_step(15, (end,))
        (0.5, 1.5)
    """
    ends = [(0, 0), *((point.step, point.epoch) for point in epochs if point.step > 0)]
    if len(ends) == 1:
        return None
    pairs = list(pairwise(ends))
    # Steps after the last finished epoch go on at its pace.
    before, after = next((pair for pair in pairs if step <= pair[1][0]), pairs[-1])
    return before[1] + (step - before[0]) / (after[0] - before[0]) * (after[1] - before[1])


def _over_steps(run: Run, value: str) -> tuple[tuple[float, float | None], ...]:
    places = [epoch_of_step(point.step, run.epochs) for point in run.steps]
    return tuple(
        (float(point.step) if place is None else place, getattr(point, value))
        for point, place in zip(run.steps, places, strict=True)
    )


def over_epochs(run: Run, value: str) -> tuple[tuple[float, float | None], ...]:
    """A value of the epochs where it was measured: one that was not evaluated is no gap in the line."""
    points = ((float(point.epoch), getattr(point, value)) for point in run.epochs)
    return tuple((x, y) for x, y in points if y is not None)


def _x_label(run: Run, word: Words) -> str:
    return word["epoch"] if run.epochs else word["step"]


def _best(run: Run, word: Words) -> tuple[float, str] | None:
    best = run.summary.best_epoch
    return None if best is None or len(run.epochs) < 2 else (float(best), word["best_epoch"].format(best))


def loss_chart(run: Run, word: Words = ENGLISH) -> Element | None:
    """Training and validation loss over epochs, every window of steps behind them."""
    windows = _over_steps(run, "loss")
    series = [
        Series("" if run.epochs else word["train"], windows, 0, faint=bool(run.epochs), end_label=not run.epochs),
        Series(word["train"], over_epochs(run, "train_loss"), 0),
        Series(word["val"], over_epochs(run, "val_loss"), 1),
    ]
    shown = [one for one in series if one.points]
    return line_chart(
        word["loss"],
        shown,
        x_label=_x_label(run, word),
        y_axis=YAxis(value=decimal, zero=True),
        x_min=0,
        x_mark=_best(run, word),
    )


def accuracy_chart(run: Run, word: Words = ENGLISH) -> Element | None:
    """Training and validation top-1 over epochs."""
    series = [
        Series(word["train"], over_epochs(run, "train_top1"), 0),
        Series(word["val"], over_epochs(run, "val_top1"), 1),
    ]
    shown = [one for one in series if one.points]
    y_axis = YAxis(percent_tick, percent, limit=1.0)
    return line_chart(word["top1"], shown, x_label=word["epoch"], y_axis=y_axis, x_mark=_best(run, word))


def learning_rate_chart(run: Run, word: Words = ENGLISH) -> Element | None:
    """Learning rate over steps."""
    series = [Series(word["learning_rate"], _over_steps(run, "lr"))]
    y_axis = YAxis(value=lambda v: f"{v:.2g}", zero=True)
    return line_chart(word["learning_rate"], series, x_label=_x_label(run, word), y_axis=y_axis, x_min=0)


def speed_chart(run: Run, word: Words = ENGLISH) -> Element | None:
    """Training pictures per second over steps."""
    series = [Series(word["images_per_second"], _over_steps(run, "images_per_second"))]
    y_axis = YAxis(value=lambda v: f"{v:,.0f}", zero=True)
    return line_chart(word["images_per_second"], series, x_label=_x_label(run, word), y_axis=y_axis, x_min=0)


def loss_scale_chart(run: Run, word: Words = ENGLISH) -> Element | None:
    """Loss scale over steps; None where the loss was not scaled."""
    if all(point.loss_scale in (None, 1.0) for point in run.steps):
        return None
    series = [Series(word["loss_scale"], _over_steps(run, "loss_scale"))]
    y_axis = YAxis(value=lambda v: f"{v:,.0f}", zero=True)
    return line_chart(word["loss_scale"], series, x_label=_x_label(run, word), y_axis=y_axis, x_min=0)


def cpu_chart(run: Run, word: Words = ENGLISH) -> Element | None:
    """CPU load over time; 100 % is one core."""
    return _resource_chart(run, word, word["cpu_load"], [(word["cpu_load"], lambda sample: sample.cpu_percent)], " %")


def memory_chart(run: Run, word: Words = ENGLISH) -> Element | None:
    """Resident memory over time."""
    return _resource_chart(run, word, word["memory"], [(word["memory"], lambda sample: sample.rss_mb)])


def npu_chart(run: Run, word: Words = ENGLISH) -> Element | None:
    """Use of the NPUs' AI cores over time: their mean, and the one that works least."""
    lines: list[_Line] = [
        (word["mean"], lambda sample: _over_npus(fmean, sample, "use_percent")),
        (word["lowest"], lambda sample: _over_npus(min, sample, "use_percent")),
    ]
    several = any(len(sample.npus) > 1 for sample in run.resources)
    return _resource_chart(run, word, word["npu_use"], lines if several else lines[:1], " %")


def npu_memory_chart(run: Run, word: Words = ENGLISH) -> Element | None:
    """Memory in use over time on the NPU that uses most."""
    lines: list[_Line] = [(word["highest"], lambda sample: _over_npus(max, sample, "memory_mb"))]
    return _resource_chart(run, word, word["npu_memory"], lines)


def npu_temperature_chart(run: Run, word: Words = ENGLISH) -> Element | None:
    """Temperature over time of the hottest NPU."""
    lines: list[_Line] = [(word["highest"], lambda sample: _over_npus(max, sample, "celsius"))]
    return _resource_chart(run, word, word["npu_temperature"], lines, " °C")


def _over_npus(combine: Callable[[list[float]], float], sample: ResourceSample, value: str) -> float | None:
    known = [number for npu in sample.npus if (number := getattr(npu, value)) is not None]
    return combine(known) if known else None


def _resource_chart(run: Run, word: Words, title: str, lines: Sequence[_Line], unit: str = "") -> Element | None:
    """Draw what was sampled over time; samples without a value, such as those between two of the NPUs, are no gap."""
    if not run.resources:
        return None
    start = run.resources[0].time
    divisor, x_unit = (60.0, word["minutes"]) if run.resources[-1].time - start > 300 else (1.0, word["seconds"])
    series = []
    for color, (label, value) in enumerate(lines):
        measured = [(sample.time, number) for sample in run.resources if (number := value(sample)) is not None]
        points = tuple(((moment - start) / divisor, number) for moment, number in _with_pauses(measured))
        series.append(Series(label, points, color, end_label=len(lines) > 1))
    if not any(one.points for one in series):
        return None
    y_axis = YAxis(lambda v: f"{tick_text(v)}{unit}", lambda v: f"{v:.0f}{unit}", zero=True)
    return line_chart(title, series, x_label=x_unit, y_axis=y_axis, bands=_phases(run.resources, start, divisor, word))


def _with_pauses(measured: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float | None]]:
    """Put a break where nothing was sampled for long: longer than usual, where samples are rare."""
    usual = median([after[0] - before[0] for before, after in pairwise(measured)] or [0.0])
    before = math.inf
    for moment, number in measured:
        if moment - before > max(PAUSE_SECONDS, 3 * usual):
            yield moment, None
        yield moment, number
        before = moment


def _phases(samples: tuple[ResourceSample, ...], start: float, divisor: float, word: Words) -> list[Band]:
    bands: list[Band] = []
    for phase, group in groupby(samples, key=lambda sample: sample.phase):
        times = [(sample.time - start) / divisor for sample in group]
        if bands:  # a phase lasts until the next one's first sample
            bands[-1] = Band(bands[-1].label, bands[-1].start, times[0])
        bands.append(Band(word.get(phase, phase), times[0], times[-1]))
    return bands
