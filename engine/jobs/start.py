"""How a run is started, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.results import EvaluationResult
from engine.config.step_range import StepRange
from engine.jobs.pacing import Pacing


@dataclass(frozen=True)
class Start:
    """How a run is started.

    Args:
        resume: `auto`, a run folder or a checkpoint to go on from; None starts a new run.
        resume_force: go on although the recipe or the files are others; never with other classes.
        profile: steps that the main rank profiles.
        pacing: the time that the run has, if it has only so much.
    """

    resume: str | None = None
    resume_force: bool = False
    profile: StepRange | None = None
    pacing: Pacing | None = None


@dataclass(frozen=True)
class FinishedRun:
    """What a run came to.

    Args:
        path: its folder.
        results: of the best checkpoint, by split.
        epochs: that were trained.
        note: why it ended early, if it did.
    """

    path: Path
    results: Mapping[str, EvaluationResult]
    epochs: int
    note: str | None
