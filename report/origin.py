"""Where a run's numbers come from: command, config, environment, checkpoint, preprocessing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from report.document import facts
from report.formats import NOT_MEASURED
from report.markup import element
from report.run_values import Run


def origin(run: Run) -> Iterator[Element]:
    """The last part of a run's page."""
    yield element("h2", "To reproduce")
    yield element("pre", "\n".join(_commands(run)))
    yield element("h2", "Config")
    yield element("section", *_cards("run", run.config), class_="columns")
    yield element("h2", "Environment, checkpoint, preprocessing")
    checkpoint = {
        f"{e.split} evaluated": f"{e.checkpoint or 'name not recorded'}, sha256 {(e.sha256 or 'not recorded')[:16]}"
        for e in run.evaluations
    }
    parts = {"environment": run.environment, "checkpoint": checkpoint, "preprocessing": run.preprocessing}
    cards = [card for name, values in parts.items() for card in _cards(name, values)]
    yield element("section", *cards, class_="columns") if cards else element("p", NOT_MEASURED, class_="soft")


def _commands(run: Run) -> list[str]:
    """The recorded command, else the resolved config, which gives the same run."""
    command = run.environment.get("command")
    if isinstance(command, list):
        command = shlex.join(str(word) for word in command)
    commit = run.environment.get("git_commit")
    dirty = "  # and changes that were not committed" if run.environment.get("git_dirty") else ""
    lines = [f"git checkout {commit}{dirty}"] if commit else []
    return [*lines, str(command or f"python train.py --config {shlex.quote(str(run.path / 'config.yaml'))}")]


def _cards(name: str, values: Mapping[str, Any]) -> Iterator[Element]:
    """One card per section: its own keys first, then the sections inside it."""
    own = [(key, _value(value)) for key, value in values.items() if not isinstance(value, dict)]
    if own:
        yield element("div", element("h3", name), facts(own), class_="card")
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _cards(key if name == "run" else f"{name}.{key}", value)


def _value(value: Any) -> str:
    if value is None or value == []:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
