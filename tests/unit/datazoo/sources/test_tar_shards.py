"""Tar shards give the pictures that are in them, in their order; damage is named in one line."""

from __future__ import annotations

import gzip
import logging
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import DataError
from datazoo.pictures import Splits
from datazoo.sources.splits import SplitChoice, load_splits
from datazoo.sources.tar_index import index_tar
from tests.unit.datazoo.sources.shard_files import pairs, png, write_data_set, write_tar

KEYS = st.text(st.characters(exclude_characters="/.\0", codec="utf-8"), min_size=1, max_size=150)


def load(path: Path, cache: Path, **choice: object) -> Splits:
    return load_splits("image_folder", path, SplitChoice(test_split=None, cache_dir=cache, **choice))  # type: ignore[arg-type]


def test_folders_of_shards_are_the_splits(tmp_path: Path) -> None:
    splits = load(write_data_set(tmp_path / "data"), tmp_path)

    assert list(splits.train.contents()) == [png(number) for number in range(10)]
    assert list(splits.val.contents()) == [png(number) for number in range(10, 14)]
    assert splits.train.labels.tolist() == [0, 1] * 5
    assert splits.train.classes == ("0", "1")


def test_a_picture_is_called_by_shard_and_member(tmp_path: Path) -> None:
    splits = load(write_data_set(tmp_path / "data"), tmp_path)

    assert str((splits.val.files or ())[0]) == f"{tmp_path}/data/val/a-000000.tar:0010.png"


def test_shards_in_one_folder_are_sorted_by_their_names(tmp_path: Path) -> None:
    write_tar(tmp_path / "data" / "imagenet-train-000000.tar", pairs(range(4)))
    write_tar(tmp_path / "data" / "imagenet-validation-000000.tar", pairs(range(4, 8)))

    splits = load(tmp_path / "data", tmp_path)

    assert (len(splits.train), len(splits.val)) == (4, 4)


def test_a_pattern_chooses_shards(tmp_path: Path) -> None:
    for number, name in enumerate(("train-0", "train-1", "val-0")):
        write_tar(tmp_path / "data" / f"{name}.tar", pairs(range(4 * number, 4 * number + 4)))

    splits = load(tmp_path / "data" / "*-0.tar", tmp_path)

    assert list(splits.train.contents()) == [png(number) for number in range(4)]


def test_class_names_lie_beside_the_shards(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "data")
    (folder / "classes.txt").write_text("cat\ndog\n")

    assert load(folder, tmp_path).val.class_counts() == {"cat": 2, "dog": 2}


def test_a_class_without_a_name_is_refused(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "data")
    write_tar(folder / "val" / "b.tar", {"x.png": png(0), "x.cls": b"7"})

    with pytest.raises(DataError, match=r"b\.tar: x\.png has class 7, and .* has 2 class names"):
        load(folder, tmp_path, classes=("cat", "dog"))


def test_val_is_held_out_where_there_are_no_shards_of_it(tmp_path: Path) -> None:
    write_tar(tmp_path / "data" / "a.tar", pairs(range(20)))

    splits = load(tmp_path / "data", tmp_path, test_fraction=0.0)

    assert splits.made == ("val",)
    assert len(splits.train) + len(splits.val) == 20


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members=st.dictionaries(KEYS, st.tuples(st.binary(min_size=1, max_size=2000), st.integers(0, 999))))
def test_the_index_finds_the_bytes_of_every_member(tmp_path: Path, members: dict[str, tuple[bytes, int]]) -> None:
    packed: dict[str, bytes] = {}
    for key, (content, label) in members.items():
        packed |= {f"in/{key}.jpg": content, f"in/{key}.cls": f"{label}\n".encode()}
    raw = write_tar(tmp_path / "x.tar", packed).read_bytes()

    rows = index_tar(tmp_path / "x.tar")

    assert {name: (raw[at : at + size], label) for name, at, size, label in rows} == {
        f"in/{key}.jpg": value for key, value in members.items()
    }


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


@pytest.mark.parametrize(
    ("members", "size", "said"),
    [
        (pairs(range(4)), 2000, r"x\.tar is cut off"),
        (pairs(range(1)), 3072, r"x\.tar is cut off: no end behind byte"),
        (pairs(range(2)) | {"lone.jpg": b"x"}, None, r"x\.tar: no \.cls beside lone\.jpg"),
        (pairs(range(2)) | {"lone.cls": b"1"}, None, r"x\.tar: no picture beside lone\.cls"),
        (pairs(range(2)) | {"0001.jpg": b"x"}, None, r"x\.tar: 0001\.png and 0001\.jpg have one key"),
        (pairs(range(2)) | {"0001.cls": b"cat"}, None, r"x\.tar: 0001\.cls holds 'cat'; a class is a whole number"),
        (pairs(range(2)) | {"0001.cls": b"-1"}, None, r"x\.tar: 0001\.cls holds '-1'; a class is a whole number"),
        ({"readme.txt": b"x"}, None, r"x\.tar holds no pictures"),
        (pairs(range(2)), 0, r"x\.tar is no tar file"),
    ],
)
def test_damage_is_named(tmp_path: Path, members: dict[str, bytes], size: int | None, said: str) -> None:
    shard = write_tar(tmp_path / "data" / "x.tar", members)
    if size is not None:
        cut(shard, size)

    with pytest.raises(DataError, match=said) as refused:
        load(tmp_path / "data", tmp_path)

    assert "\n" not in str(refused.value)


def test_a_compressed_shard_is_refused(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "data" / "x.tar", pairs(range(2)))
    shard.write_bytes(gzip.compress(shard.read_bytes()))

    with pytest.raises(DataError, match="shards are not compressed"):
        load(tmp_path / "data", tmp_path)


def test_indices_are_made_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_data_set(tmp_path / "data")
    first = load(folder, tmp_path)
    caplog.set_level(logging.INFO)

    again = load(folder, tmp_path)

    assert again.train.files == first.train.files
    assert "3 shards: 0 indexed, 3 remembered" in caplog.text


def test_a_changed_shard_is_indexed_anew(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "data")
    load(folder, tmp_path)
    write_tar(folder / "val" / "a-000000.tar", pairs(range(30, 36)))

    assert list(load(folder, tmp_path).val.contents()) == [png(number) for number in range(30, 36)]


def test_a_damaged_index_is_made_anew(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "data")
    first = load(folder, tmp_path)
    for kept in (tmp_path / "shards").iterdir():
        cut(kept, 100)

    assert load(folder, tmp_path).train.files == first.train.files


def test_a_cache_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "shards").write_text("in the way")

    load(write_data_set(tmp_path / "data"), tmp_path)

    assert caplog.text.count("indices of shards are not remembered") == 1


def test_a_shard_that_changes_under_a_run_is_named(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "data")
    splits = load(folder, tmp_path)
    shard = folder / "val" / "a-000000.tar"
    os.utime(shard, ns=(1, 1))

    with pytest.raises(DataError, match="changed"):
        list(splits.val.contents())
