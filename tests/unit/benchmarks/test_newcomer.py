"""The benchmark of a new user's way counts what it makes and what it runs."""

from pathlib import Path

import pytest

from benchmarks.newcomer import Step, main, make_pictures, table, timed
from datazoo.sources.splits import SplitChoice, load_splits


def test_made_pictures_are_a_data_set_without_a_photo_twice(tmp_path: Path) -> None:
    folder = make_pictures(tmp_path / "photos", {"blue disc": 6, "green box": 5})

    splits = load_splits("image_folder", folder, SplitChoice())

    assert sum(len(part) for part in splits) == 11
    assert len({digest for part in splits for digest in part.content_hashes()}) == 11


def test_the_table_ends_with_the_sum() -> None:
    steps = [Step("train", ("train.py",), 20.0, 12.5), Step("export", ("export.py",), 10.0, 7.5)]

    assert table(steps).splitlines()[-1].split() == ["in", "all", "30.0", "s", "20.0", "CPU-s"]


def test_a_command_that_fails_ends_the_benchmark_with_what_it_said() -> None:
    with pytest.raises(SystemExit, match="no such failure"):
        timed("fails", "-c", "raise SystemExit('no such failure')")


def test_too_few_pictures_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--pictures", "10"])

    assert "at least 25" in capsys.readouterr().err
