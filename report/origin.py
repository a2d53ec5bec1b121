"""Where a run's numbers come from: command, config, environment, checkpoint, preprocessing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from report.flat_config import shown_value
from report.run_values import Run
from report.words import ENGLISH, Words


def commands(run: Run, word: Words = ENGLISH) -> list[str]:
    """The recorded command, else the resolved config, which gives the same run; one line each."""
    command = run.environment.get("command")
    if isinstance(command, list):
        command = shlex.join(str(word) for word in command)
    commit = run.environment.get("git_commit")
    dirty = f"  # {word['not_committed']}" if run.environment.get("git_dirty") else ""
    lines = [f"git checkout {commit}{dirty}"] if commit else []
    return [*lines, str(command or f"python train.py --config {shlex.quote(str(run.path / 'config.yaml'))}")]


def sections(values: Mapping[str, Any], name: str = "", title: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    """Break nested values into named flat ones: a section's own keys first, then the sections inside it."""
    own = {key: shown_value(value) for key, value in values.items() if not isinstance(value, dict)}
    if own:
        yield name or title, own
    for key, value in values.items():
        if isinstance(value, dict):
            yield from sections(value, f"{name}.{key}" if name else key)


def surroundings(run: Run, word: Words = ENGLISH) -> list[tuple[str, Mapping[str, str]]]:
    """Environment, checkpoint and preprocessing as flat sections."""
    checkpoint = {
        word["evaluated"].format(word.get(e.split, e.split)): (
            f"{e.checkpoint or word['name_not_recorded']}, sha256 {(e.sha256 or word['not_recorded'])[:16]}"
        )
        for e in run.evaluations
    }
    parts = {"environment": run.environment, "checkpoint": checkpoint, "preprocessing": run.preprocessing}
    return [section for name, values in parts.items() for section in sections(values, word[name])]
