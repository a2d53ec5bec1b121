"""A start looks at pictures in shards as it does at files: each once, and bad ones by name."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from common.errors import DataError
from datazoo.doctor.check import check_splits
from datazoo.doctor.inventory import take_inventory
from datazoo.doctor.picture_check import PictureCheck
from datazoo.pictures import Splits
from datazoo.sources.splits import SplitChoice, load_splits
from tests.unit.datazoo.doctor.pictures import memory_of
from tests.unit.datazoo.sources.shard_files import pairs, png, write_data_set, write_tar


def start(folder: Path, cache: Path, on_bad: str = "fail") -> Splits:
    with memory_of(cache) as memory:
        check = PictureCheck(memory, workers=2)
        splits = load_splits("image_folder", folder, SplitChoice(cache_dir=cache), check.hashed)
        return check_splits(splits, on_bad, check)  # type: ignore[arg-type]


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    folder = write_data_set(tmp_path / "data")
    write_tar(folder / "val" / "b.tar", pairs(range(20, 22)) | {"bad.png": png(1)[:60], "bad.cls": b"0"})
    return folder


def test_a_second_start_decodes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_data_set(tmp_path / "data")
    first = start(folder, tmp_path)
    caplog.set_level(logging.INFO)

    second = start(folder, tmp_path)

    assert "0 pictures decoded, 0 only hashed, 14 remembered" in caplog.text
    assert [part.fingerprint() for part in second] == [part.fingerprint() for part in first]


def test_a_changed_shard_is_looked_at_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_data_set(tmp_path / "data")
    start(folder, tmp_path)
    write_tar(folder / "val" / "a-000000.tar", pairs(range(40, 44)))
    caplog.set_level(logging.INFO)

    start(folder, tmp_path)

    assert "4 pictures decoded, 0 only hashed, 10 remembered" in caplog.text


def test_a_bad_picture_is_named(damaged: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 of 7 pictures cannot be decoded: .*val/b\.tar:bad\.png"):
        start(damaged, tmp_path)


def test_the_doctor_says_that_it_looks_at_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds shards: the doctor looks at files"):
        take_inventory(write_data_set(tmp_path / "data"), tmp_path)


def test_a_bad_picture_is_left_out(damaged: Path, tmp_path: Path) -> None:
    assert len(start(damaged, tmp_path, "skip").val) == 6
