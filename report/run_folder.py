"""Reads a run folder: files in, frozen values out."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from common.errors import ReportError
from common.files import read_json_lines
from common.results import ClassScore
from report.run_values import EpochPoint, Evaluation, Note, NpuSample, ResourceSample, Run, StepPoint, Summary

logger = logging.getLogger(__name__)

T = TypeVar("T")

SPLIT_ORDER = ("test", "val", "train")


def read_run(path: Path) -> Run:
    """Read a run folder; optional files that are missing are named in `Run.missing`, never invented.

    Args:
        path: the folder that train.py wrote; config.yaml must be in it.

    Raises:
        ReportError: no such folder, not a run, or a file in it that is damaged.
    """
    path = Path(path)
    if not path.is_dir():
        raise ReportError(f"{path}: no such folder")
    if not (path / "config.yaml").is_file():
        raise ReportError(f"{path}: not a run folder (config.yaml is missing)")
    return _Reader(path).read()


def read_run_with_warnings(path: Path) -> Run:
    """Read a run folder as `read_run` does, and say in the log what is missing or odd."""
    run = read_run(path)
    for note in (*(f"{name} is missing" for name in run.missing), *run.notes):
        logger.warning("%s: %s", run.path, note)
    return run


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.missing: list[str] = []
        self.notes: list[Note] = []

    def read(self) -> Run:
        config = self._config()
        status, summary = self._object("status.json"), self._object("summary.json")
        state = str(status.get("state") or summary.get("state") or "unknown")
        steps, epochs = self._metrics()
        try:
            classes, preprocessing = self._json("classes.json") or (), self._object("preprocessing.json")
            run = Run(
                path=self.path,
                name=str(summary.get("name") or config.get("name") or self.path.name),
                seed=_integer(summary.get("seed", _mapping(config.get("train")).get("seed"))),
                state=state,
                state_reason=None if status.get("reason") is None else str(status["reason"]),
                config=config,
                environment=self._object("environment.json"),
                classes=tuple(str(name) for name in classes),
                preprocessing=preprocessing,
                steps=steps,
                epochs=epochs,
                resources=tuple(self._json_lines("resources.jsonl", _resources)),
                evaluations=self._evaluations(),
                summary=_summary(summary),
                missing=tuple(self.missing),
                notes=tuple(self.notes),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, ReportError):
                raise
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ReportError(f"{self.path}: a value of the run is damaged: {what}") from error
        return run

    def _text(self, name: str) -> str | None:
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            self.missing.append(name)
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ReportError(f"{self.path / name}: cannot be read ({error})") from error

    def _config(self) -> Mapping[str, Any]:
        try:
            config = yaml.safe_load(self._text("config.yaml") or "")
        except yaml.YAMLError as error:
            raise ReportError(f"{self.path / 'config.yaml'}: not YAML ({error.__class__.__name__})") from error
        if not isinstance(config, dict):
            raise ReportError(f"{self.path / 'config.yaml'}: a mapping of keys was expected")
        return config

    def _json(self, name: str) -> Any:
        text = self._text(name)
        if text is None:
            return None
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ReportError(f"{self.path / name}: not JSON (line {error.lineno}: {error.msg})") from error

    def _object(self, name: str) -> Mapping[str, Any]:
        value = self._json(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ReportError(f"{self.path / name}: a JSON object was expected")
        return value

    def _json_lines(self, name: str, read: Callable[[Mapping[str, Any]], T]) -> list[T]:
        """Read what every line says; broken ones are left out, unless no object of the file can be read."""
        try:
            lines, broken = read_json_lines(self.path / name)
        except FileNotFoundError:
            self.missing.append(name)
            return []
        except OSError as error:
            raise ReportError(f"{self.path / name}: cannot be read ({error})") from error
        values: list[T] = []
        reason: Exception | None = None
        for _, line in lines:
            try:
                values.append(read(line))
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                broken, reason = broken + 1, reason or error
        if reason is not None and not values:
            what = f"{reason} is missing" if isinstance(reason, KeyError) else str(reason)
            raise ReportError(f"{self.path / name}: no line can be read: {what}") from reason
        if broken:  # a crash leaves half a line; the rest of the file is still evidence
            self.notes.append(Note("lines_left_out", (name, broken, len(values) + broken)))
        return values

    def _metrics(self) -> tuple[tuple[StepPoint, ...], tuple[EpochPoint, ...]]:
        points = self._json_lines("metrics.jsonl", _point)
        steps = _last_pass([p for p in points if isinstance(p, StepPoint)], lambda point: point.step)
        epochs = _last_pass([p for p in points if isinstance(p, EpochPoint)], lambda point: point.epoch)
        return tuple(steps), tuple(epochs)

    def _evaluations(self) -> tuple[Evaluation, ...]:
        found = [self._evaluation(path.name) for path in sorted(self.path.glob("eval_*.json"))]
        if not found:
            self.missing.append("eval_<split>.json")
        order = {split: place for place, split in enumerate(SPLIT_ORDER)}
        return tuple(sorted(found, key=lambda e: (e.leaking, order.get(e.split, len(order)), e.split)))

    def _evaluation(self, name: str) -> Evaluation:
        value = self._object(name)
        try:
            evaluation = Evaluation(
                split=str(value["split"]),
                n=int(value["n"]),
                correct=int(value["correct"]),
                top5=_number(value.get("top5")),
                loss=_number(value.get("loss")),
                macro_f1=_number(value.get("macro_f1")),
                per_class=tuple(
                    ClassScore(str(c["name"]), float(c["precision"]), float(c["recall"]), float(c["f1"]), int(c["n"]))
                    for c in value.get("per_class") or ()
                ),
                confusion=tuple(tuple(int(count) for count in row) for row in value.get("confusion") or ()),
                checkpoint=value.get("checkpoint"),
                sha256=value.get("sha256"),
                leaking=bool(value.get("leaking", False)),
                before_refit=bool(value.get("before_refit", False)),
                chosen_on=bool(value.get("chosen_on", False)),
            )
        except KeyError as error:
            raise ReportError(f"{self.path / name}: {error.args[0]} is missing") from error
        except (TypeError, ValueError) as error:
            raise ReportError(f"{self.path / name}: a value is damaged ({error})") from error
        self._check(evaluation, name, _number(value.get("top1")))
        return evaluation

    def _check(self, evaluation: Evaluation, name: str, stored_top1: float | None) -> None:
        if not 0 <= evaluation.correct <= evaluation.n or evaluation.n == 0:
            raise ReportError(f"{self.path / name}: {evaluation.correct} correct of {evaluation.n} is impossible")
        rows = len(evaluation.confusion)
        if any(len(row) != rows for row in evaluation.confusion):
            raise ReportError(f"{self.path / name}: the confusion matrix is not square")
        if stored_top1 is not None and abs(stored_top1 - evaluation.top1) > 1e-6:
            counted = (name, f"{stored_top1:.4f}", evaluation.correct, evaluation.n)
            self.notes.append(Note("top1_disagrees", counted))
        pictures = sum(map(sum, evaluation.confusion))
        if rows and pictures != evaluation.n:
            self.notes.append(Note("matrix_disagrees", (name, pictures, evaluation.n)))


def _last_pass(points: Iterable[T], counter: Callable[[T], int]) -> list[T]:
    """What counts of points in a file; a resumed run goes back and repeats counts, its newest pass over them stays."""
    kept: list[T] = []
    for point in points:
        while kept and counter(kept[-1]) >= counter(point):
            kept.pop()
        kept.append(point)
    return kept


def _point(line: Mapping[str, Any]) -> StepPoint | EpochPoint:
    """A line of metrics.jsonl."""
    if line["kind"] not in ("step", "epoch"):
        raise ValueError(f"unknown kind {line['kind']!r}")
    return _step(line) if line["kind"] == "step" else _epoch(line)


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"a count was expected, not {value!r}")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    """A finite number, or None: NaN and infinity are no measurements."""
    if value is None or not math.isfinite(float(value)):
        return None
    return float(value)


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)


def _step(line: Mapping[str, Any]) -> StepPoint:
    return StepPoint(
        step=_count(line["step"]),
        epoch=_count(line["epoch"]),
        loss=_number(line.get("loss")),
        lr=_number(line.get("lr")),
        images_per_second=_number(line.get("images_per_second")),
        loss_scale=_number(line.get("loss_scale")),
    )


def _epoch(line: Mapping[str, Any]) -> EpochPoint:
    return EpochPoint(
        epoch=_count(line["epoch"]),
        step=_count(line["step"]),
        train_loss=_number(line.get("train_loss")),
        train_top1=_number(line.get("train_top1")),
        val_loss=_number(line.get("val_loss")),
        val_top1=_number(line.get("val_top1")),
    )


def _resources(line: Mapping[str, Any]) -> ResourceSample:
    return ResourceSample(
        float(line["time"]),
        float(line["cpu_percent"]),
        float(line["rss_mb"]),
        str(line.get("phase", "unknown")),
        tuple(_npu(_mapping(npu)) for npu in line.get("npus") or ()),
    )


def _npu(value: Mapping[str, Any]) -> NpuSample:
    return NpuSample(_number(value.get("use_percent")), _number(value.get("memory_mb")), _number(value.get("celsius")))


def _summary(value: Mapping[str, Any]) -> Summary:
    parameters, seconds = _mapping(value.get("parameters")), _mapping(value.get("seconds"))
    return Summary(
        epochs=_integer(value.get("epochs")),
        best_epoch=_integer(value.get("best_epoch")),
        val_top1=_number(value.get("val_top1")),
        total_parameters=_integer(parameters.get("total")),
        trainable_parameters=_integer(parameters.get("trainable")),
        total_seconds=_number(seconds.get("total")),
        features_seconds=_number(seconds.get("features")),
        train_seconds=_number(seconds.get("train")),
        eval_seconds=_number(seconds.get("eval")),
        images_per_second=_number(value.get("images_per_second")),
        mean_cpu_percent=_number(value.get("mean_cpu_percent")),
        peak_cpu_percent=_number(value.get("peak_cpu_percent")),
        peak_rss_mb=_number(value.get("peak_rss_mb")),
        mean_npu_percent=_number(value.get("mean_npu_percent")),
        peak_npu_memory_mb=_number(value.get("peak_npu_memory_mb")),
        peak_npu_celsius=_number(value.get("peak_npu_celsius")),
        saved_bytes=_integer(value.get("saved_bytes")),
        time_budget={
            str(name): taken
            for name, number in _mapping(value.get("time_budget")).items()
            if (taken := _number(number)) is not None and taken >= 0
        },
    )
