"""Files come into place whole, under any name that the file system takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.files import atomic_folder, write_json


@pytest.mark.parametrize("name", ["n" * 255, "n" * 250 + ".json", "猫" * 85, "a b.json", "(x)+,=~#%'\"&;[].json"])
def test_any_name_of_the_file_system_can_be_written(tmp_path: Path, name: str) -> None:
    write_json(tmp_path / name, [1])
    assert json.loads((tmp_path / name).read_text(encoding="utf-8")) == [1]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_may_have_the_longest_name(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / ("n" * 255)) as folder:
        (folder / "file").touch()
    assert (tmp_path / ("n" * 255) / "file").is_file()


def test_json_holds_a_name_that_is_not_utf8_and_gives_it_back(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"file": "\udcb9\udcb7.png", "class": "狗"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"file": "\udcb9\udcb7.png", "class": "狗"}
    assert "狗" in text
