"""Ranks share the look at pictures; all of them know of all, and none goes on where one does not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import DataError
from datazoo.doctor.check import check_splits
from datazoo.doctor.memory import PictureMemory
from datazoo.doctor.picture_check import PictureCheck
from datazoo.pictures import Splits
from datazoo.pipeline.order import Shard
from datazoo.pipeline.ranks import Ranks
from datazoo.sources.splits import load_splits
from tests.unit.datazoo.doctor.pictures import on_ranks, write_dataset


class Counted(PictureCheck):
    def done(self) -> int:
        return self._counts["decoded"]


def check_on_ranks(folders: list[Path], on_bad: str = "fail") -> list:
    def work(rank: int, gather: Callable[[bytes], list[bytes]]) -> tuple[Splits, int]:
        check = Counted(PictureMemory(None), workers=1, ranks=Ranks(Shard(rank, len(folders)), gather))
        splits = load_splits("image_folder", folders[rank], hashed=check.hashed)
        return check_splits(splits, on_bad, check), check.done()  # type: ignore[arg-type]

    return on_ranks(len(folders), work)


def test_ranks_that_see_the_same_files_look_at_each_once(tmp_path: Path) -> None:
    data = write_dataset(tmp_path)
    alone = [part.fingerprint() for part in load_splits("image_folder", data)]

    results = check_on_ranks([data] * 3)

    assert sum(done for _, done in results) == 24
    assert all([part.fingerprint() for part in splits] == alone for splits, _ in results)


def test_ranks_with_a_copy_of_their_own_look_at_it(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "here")
    shutil.copytree(data, tmp_path / "there")

    results = check_on_ranks([data, data, tmp_path / "there"])

    assert [done for _, done in results] == [12, 12, 24]


@pytest.mark.parametrize("damage", [b"", b"<html>404</html>"])
def test_a_picture_that_is_bad_on_one_host_is_left_out_on_all(tmp_path: Path, damage: bytes) -> None:
    data = write_dataset(tmp_path / "here")
    shutil.copytree(data, tmp_path / "there")
    (tmp_path / "there/val/b/2.png").write_bytes(damage)

    results = check_on_ranks([data, tmp_path / "there"], "skip")

    assert [len(splits.val) for splits, _ in results] == [7, 7]
    assert len({splits.val.fingerprint() for splits, _ in results}) == 1


def test_a_bad_picture_fails_every_rank_with_the_same_message(tmp_path: Path) -> None:
    data = write_dataset(tmp_path)
    (data / "train/a/1.png").write_bytes(b"")

    results = check_on_ranks([data, data])

    assert all(isinstance(result, DataError) for result in results)
    assert "train: 1 of 8 pictures cannot be decoded" in str(results[0])
    assert str(results[0]) == str(results[1])


@pytest.mark.parametrize("other", ["a name", "bytes"])
def test_other_files_on_a_rank_are_refused_on_all(tmp_path: Path, other: str) -> None:
    data = write_dataset(tmp_path / "here")
    shutil.copytree(data, tmp_path / "there")
    picture = tmp_path / "there/test/b/2.png"
    if other == "a name":
        picture.rename(picture.with_name("7.png"))
    else:
        shutil.copy(data / "test/b/3.png", picture)

    results = check_on_ranks([data, tmp_path / "there"])

    assert all(isinstance(result, DataError) for result in results)
    assert "of rank 1" in str(results[0])
    assert "all ranks must read the same" in str(results[0])
    assert str(results[0]) == str(results[1])
