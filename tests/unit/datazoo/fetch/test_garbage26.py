"""The clean split of garbage-26 is made from the official one by rules, and by nothing else."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from common.errors import DataError
from datazoo.fetch.garbage26 import check_official, clean_split, digests_of, write_clean

# 190 leaks, 28 copies, 5 near copies leave 2,370 of 2,593: 2,130 and 240 held out as val.
COUNTS = {"train": 2130, "val": 240, "test": 257}


def test_of_copies_the_first_stays_and_test_goes_before_train() -> None:
    official = {
        "test/Cans/00001.jpg": "a",
        "test/Cans/00002.jpg": "a",
        "train/Cans/00001.jpg": "a",
        "train/Cans/00002.jpg": "b",
        "train/Cans/00003.jpg": "b",
    }
    assert clean_split(official) == {
        "test/Cans/00001.jpg": "test/Cans/00001.jpg",
        "train/Cans/00002.jpg": "train/Cans/00002.jpg",
    }


def test_listed_pictures_are_held_out_and_listed_near_copies_go() -> None:
    official = {f"train/Basketball/{number:05}.jpg": str(number) for number in (20, 21, 84)}
    assert set(clean_split(official)) == {"train/Basketball/00020.jpg", "val/Basketball/00021.jpg"}


def test_what_lies_beside_the_two_splits_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("test/Cans/00001.jpg", "labels.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    empty = hashlib.sha256(b"").hexdigest()
    line = f"test/Cans/00001.jpg\t{empty}\n"
    monkeypatch.setattr("datazoo.fetch.garbage26.OFFICIAL_DIGEST", hashlib.sha256(line.encode()).hexdigest())
    assert check_official(tmp_path) == {"test/Cans/00001.jpg": empty}


def test_the_clean_split_is_the_measured_one_to_the_byte(shared: Path, tmp_path: Path) -> None:
    official = shared / "data" / "garbage26_official"
    counts = write_clean(official, check_official(official), tmp_path / "clean")
    assert counts == Counter(COUNTS)
    assert digests_of(tmp_path / "clean") == digests_of(shared / "data" / "garbage26_clean")


def test_a_clean_split_that_is_there_is_left_and_counted(shared: Path) -> None:
    official = shared / "data" / "garbage26_official"
    clean = shared / "data" / "garbage26_clean"
    assert write_clean(official, check_official(official), clean) == Counter(COUNTS)


def test_another_folder_in_its_place_is_left_and_named(tmp_path: Path) -> None:
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="there already, and not the clean split; remove it, or name another with --to"):
        write_clean(tmp_path, {}, tmp_path / "clean")
    assert (tmp_path / "clean" / "mine.txt").read_text() == "mine"


def test_a_picture_that_cannot_be_copied_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing of it is kept"):
        write_clean(tmp_path / "gone", {"train/Cans/00001.jpg": "a"}, tmp_path / "clean")
    assert list(tmp_path.iterdir()) == []


def test_any_other_pictures_are_no_official_split(tmp_path: Path) -> None:
    (tmp_path / "train" / "Cans").mkdir(parents=True)
    (tmp_path / "train" / "Cans" / "00001.jpg").write_bytes(b"a picture")
    with pytest.raises(DataError, match="it holds 1 train; that is 260 test, 2593 train pictures"):
        check_official(tmp_path)
