"""The preflight looks where the job will look."""

from __future__ import annotations

from pathlib import Path

import pytest

from launch.preflight.host import data_is_readable, data_path


@pytest.mark.parametrize(
    "words", [["--data.path=~/x"], ["data.path=~/x"], ["--dataset_path", "~/x"], ["data.path=y", "--data.path", "~/x"]]
)
def test_the_last_data_path_with_its_home_folder(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert data_path(words) == Path("/home/me/x")


@pytest.mark.parametrize(("pattern", "state"), [("train-*.tar", "ok"), ("val-*.tar", "fail")])
def test_a_pattern_of_shards_is_readable_where_it_matches(tmp_path: Path, pattern: str, state: str) -> None:
    (tmp_path / "train-000000.tar").write_bytes(b"")

    assert data_is_readable(tmp_path / pattern).state == state
