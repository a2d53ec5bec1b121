"""A place where no run folder can be made is refused before anything is computed, and nothing is written there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.errors import RunError
from engine.run.output_dir import check_output_dir


def test_a_folder_that_is_there_or_can_be_made_will_do(tmp_path: Path) -> None:
    check_output_dir(tmp_path, "a")
    check_output_dir(tmp_path / "new/deeper", "实验" * 30)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "runs", "runs/deeper"])
def test_a_file_in_the_way_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"output_dir .*file.*: .*/file is no folder; name another --output_dir"):
        check_output_dir(tmp_path / "file" / below, "a")


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RunError, match="link is no folder"):
        check_output_dir(tmp_path / "link/runs", "a")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # tests may run as root, who may write anywhere
    with pytest.raises(RunError, match=f"output_dir {tmp_path}/runs: {tmp_path} cannot be written"):
        check_output_dir(tmp_path / "runs", "a")


def test_a_name_that_no_folder_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="name: longer than the 220 bytes"):
        check_output_dir(tmp_path, "实" * 80)
