"""`train.py --resume RUN` without `--config`: the run knows its recipe."""

from __future__ import annotations

from pathlib import Path

AUTO = "auto"


def recipe_of_resumed(resume: str | None) -> Path | None:
    """Find the recipe of the run that a start goes on from: `config.yaml` in a run folder, or a checkpoint's.

    Args:
        resume: what `--resume` was given, if it was.
    """
    if resume is None or resume == AUTO:
        return None
    path = Path(resume).absolute()
    return next((recipe for at in (path, path.parent.parent) if (recipe := at / "config.yaml").is_file()), None)
