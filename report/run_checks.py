"""What a run knows about its pictures, its best epoch and its exports beside the numbers themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import ReportError
from report.formats import LocalFormats
from report.run_values import Note, Run


@dataclass(frozen=True)
class SplitFacts:
    """A split.

    Args:
        name: train, val or test.
        n: number of pictures.
        findings: what was found wrong with it: kind, number of pictures, and the other split that it is about, if any.
        unread: whether no picture was opened before training.
    """

    name: str
    n: int
    findings: tuple[tuple[str, int, str], ...]
    unread: bool


@dataclass(frozen=True)
class ExportProof:
    """An exported file beside the trained network.

    Args:
        file: its format.
        runtime: what computed it; None where nothing here could.
        n: pictures that both were shown.
        max_abs_diff: largest difference of an output.
        agreement: share of pictures with the same answer.
        size_bytes: of the file.
    """

    file: str
    runtime: str | None
    n: int
    max_abs_diff: float
    agreement: float
    size_bytes: int


@dataclass(frozen=True)
class Export:
    """A bundle that was made of the run: where, of which weights, and the proof of each file."""

    bundle: str
    sha256: str
    proofs: tuple[ExportProof, ...]


def read_split_facts(run: Path) -> tuple[SplitFacts, ...]:
    """Read data.json; nothing where the run, such as an older one, has none.

    Raises:
        ReportError: a damaged file.
    """
    values = _json(run / "data.json")
    try:
        findings = values.get("findings") or ()
        return tuple(
            SplitFacts(
                name,
                int(split["n"]),
                tuple(_finding(one) for one in findings if one["split"] == name),
                str(split["content"]).startswith("unread:"),
            )
            for name, split in (values.get("splits") or {}).items()
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(f"{run / 'data.json'}: damaged: {error}") from error


def read_export(run: Path) -> Export | None:
    """Read export.json, which export.py writes; None where the run was not exported.

    Raises:
        ReportError: a damaged file.
    """
    values = _json(run / "export.json")
    if not values:
        return None
    try:
        return Export(
            str(values["bundle"]),
            str(values["sha256"]),
            tuple(_proof(name, model) for name, model in values["models"].items()),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(f"{run / 'export.json'}: damaged: {error}") from error


def how_best_was_chosen(run: Run, show: LocalFormats) -> Note | None:
    """Say by what the best epoch was chosen; None where the run does not tell."""
    best, section = run.summary.best_epoch, run.config.get("train")
    habits = section.get("early_stopping") if isinstance(section, dict) else None
    monitor = habits.get("monitor") if isinstance(habits, dict) else None
    if best is None or monitor not in ("val_loss", "val_top1", "epoch"):
        return None
    if best == 0:
        return Note("chosen_solved", ())
    if monitor == "epoch":
        return Note("chosen_last", ())
    score = next((getattr(epoch, monitor) for epoch in run.epochs if epoch.epoch == best), None)
    if monitor == "val_loss":
        return Note("chosen_val_loss", (show.decimal(score),))
    return Note("chosen_val_top1", (show.percent(score),))


def _finding(value: Mapping[str, Any]) -> tuple[str, int, str]:
    if value["kind"] not in ("unreadable", "dropped", "copies"):
        raise ValueError(f"unknown kind of finding {value['kind']!r}")
    return str(value["kind"]), int(value["count"]), str(value.get("of") or "")


def _proof(name: str, model: Mapping[str, Any]) -> ExportProof:
    parity = model.get("parity")
    if parity is None:
        return ExportProof(name, None, 0, 0.0, 0.0, int(model["size_bytes"]))
    return ExportProof(
        name,
        str(parity["runtime"]),
        int(parity["n"]),
        float(parity["max_abs_diff"]),
        float(parity["top1_agreement"]),
        int(model["size_bytes"]),
    )


def _json(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ReportError(f"{path}: cannot be read ({error})") from error
    if not isinstance(value, dict):
        raise ReportError(f"{path}: a JSON object was expected")
    return value
