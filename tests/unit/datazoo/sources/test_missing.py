"""Whoever has no data is told the command that fetches it."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import DataError
from datazoo.fetch.__main__ import main as fetch
from datazoo.sources.splits import load_splits


@pytest.mark.parametrize(
    ("source", "folder", "command"),
    [
        ("mnist", "data/mnist", "python -m datazoo.fetch mnist,"),
        ("mnist", "elsewhere", "python -m datazoo.fetch mnist --to elsewhere,"),
        ("image_folder", "data/garbage26_clean", "python -m datazoo.fetch garbage26 --clean,"),
        (
            "image_folder",
            "my sets/garbage26_official",
            "python -m datazoo.fetch garbage26 --to 'my sets/garbage26_official',",
        ),
        (
            "image_folder",
            "flowers",
            "--dataset_path FOLDER (data.path), or fetch a public one: python -m datazoo.fetch --help",
        ),
    ],
)
def test_a_folder_that_is_not_there_names_its_command(
    source: str, folder: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        load_splits(source, Path(folder))
    first, second = str(caught.value).splitlines()
    assert first == f"dataset folder {folder} does not exist"
    assert command in second


def test_a_folder_without_mnists_files_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no MNIST file train-images.*\n.*python -m datazoo\.fetch mnist"):
        load_splits("mnist", tmp_path)


def test_the_commands_that_are_named_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        fetch(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("garbage26 --clean", "mnist", "--to FOLDER"))
