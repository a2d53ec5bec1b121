"""A run that is gone on with knows its recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.run.resume_flag import recipe_of_resumed


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs/cats-seed0"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").touch()
    return folder


@pytest.mark.parametrize("named", [".", "checkpoints/last.ckpt"])
def test_a_run_and_its_checkpoints_lead_to_its_recipe(run: Path, named: str) -> None:
    assert recipe_of_resumed(str(run / named)) == run / "config.yaml"


def test_a_run_may_be_named_from_its_own_folder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    assert recipe_of_resumed(run.name) == run / "config.yaml"


@pytest.mark.parametrize("resume", [None, "auto", "nowhere"])
def test_nothing_else_has_a_recipe(run: Path, monkeypatch: pytest.MonkeyPatch, resume: str | None) -> None:
    monkeypatch.chdir(run.parent)
    assert recipe_of_resumed(resume) is None
