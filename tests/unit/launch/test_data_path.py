"""The preflight looks where the job will look."""

from __future__ import annotations

from pathlib import Path

import pytest

from launch.preflight.host import data_path


@pytest.mark.parametrize(
    "words", [["--data.path=~/x"], ["data.path=~/x"], ["--dataset_path", "~/x"], ["data.path=y", "--data.path", "~/x"]]
)
def test_the_last_data_path_with_its_home_folder(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert data_path(words) == Path("/home/me/x")
