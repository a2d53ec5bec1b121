"""What is packed is what is read: by our reader and by MindSpore's; an interruption costs one shard."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from mindspore.mindrecord import FileReader

from common.errors import DataError
from datazoo.pictures import Splits
from datazoo.sources.splits import SplitChoice, load_splits
from datazoo.to_mindrecord import __main__ as door
from datazoo.to_mindrecord import pack as packing
from datazoo.to_mindrecord import shard_writer
from datazoo.to_mindrecord.pack import pack
from tests.unit.datazoo.sources.shard_files import png, write_data_set

CLASSES = ("cat", "o'brien", "狗")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    seed = 0
    for split in ("train", "val"):
        for name in CLASSES:
            for number in range(4):
                path = tmp_path / "data" / split / name / f'{number} "x".png'
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(png(seed := seed + 1))
    return tmp_path / "data"


def load(path: Path) -> Splits:
    return load_splits("image_folder", path, SplitChoice(test_split=None, cache_dir=path.parent / "cache"))


def shards(output: Path, split: str = "train") -> list[Path]:
    return sorted((output / split).glob("*.mindrecord"))


def test_shards_give_the_folders_pictures_in_their_order(folder: Path, tmp_path: Path) -> None:
    packed = pack(load(folder), tmp_path / "packed", 3)

    assert (packed.pictures, packed.shards, packed.written) == (24, 6, 6)
    assert [part.fingerprint() for part in load(tmp_path / "packed")] == [part.fingerprint() for part in load(folder)]


def test_mindspore_reads_the_same(folder: Path, tmp_path: Path) -> None:
    pack(load(folder), tmp_path / "packed", 1)

    rows = list(FileReader(str(shards(tmp_path / "packed")[0])).get_next())

    pictures = load(tmp_path / "packed").train
    assert [bytes(row["image"]) for row in rows] == list(pictures.contents())
    assert [int(row["label"]) for row in rows] == pictures.labels.tolist()
    assert [row["name"] for row in rows] == [file.member for file in pictures.packed or ()]


def test_a_picture_may_be_larger_than_a_page(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_writer, "_PAGE", 1 << 15)
    monkeypatch.setattr(shard_writer, "_ROW", 1 << 10)
    large = folder / "train" / "cat" / "large.png"
    large.write_bytes(png(0) + os.urandom(100_000))  # what is behind a picture's end is kept too

    pack(load(folder), tmp_path / "packed", 1)

    assert load(tmp_path / "packed").train.fingerprint() == load(folder).train.fingerprint()


def test_many_pages_give_the_same_pictures(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_writer, "_PAGE", 1 << 15)
    monkeypatch.setattr(shard_writer, "_ROW", 1 << 10)
    for number in range(40):
        (folder / "train" / "cat" / f"{number}.png").write_bytes(png(number) + os.urandom(9_000))

    pack(load(folder), tmp_path / "packed", 1)

    with sqlite3.connect(f"{shards(tmp_path / 'packed')[0]}.db") as index:
        assert index.execute("SELECT COUNT(DISTINCT PAGE_ID_BLOB) FROM INDEXES").fetchone()[0] > 5
    assert load(tmp_path / "packed").train.fingerprint() == load(folder).train.fingerprint()


def test_an_interrupted_packing_goes_on(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(pictures: object, target: Path) -> None:
        if "00002-of" in target.name:
            raise KeyboardInterrupt
        shard_writer.write_shard(pictures, target)  # type: ignore[arg-type]

    monkeypatch.setattr(packing, "write_shard", stops)
    with pytest.raises(KeyboardInterrupt):
        pack(load(folder), tmp_path / "packed", 4)
    monkeypatch.undo()

    packed = pack(load(folder), tmp_path / "packed", 4)

    assert (packed.shards, packed.written) == (8, 6)
    assert load(tmp_path / "packed").train.fingerprint() == load(folder).train.fingerprint()


def test_a_shard_that_is_not_read_back_gets_no_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = shard_writer._write

    def spoils(pictures: object, target: Path) -> object:
        known = written(pictures, target)  # type: ignore[arg-type]
        content = bytearray(target.read_bytes())
        content[(1 << 24) + 100] ^= 1  # behind the header: in the first picture
        target.write_bytes(content)
        return known

    monkeypatch.setattr(shard_writer, "_write", spoils)

    with pytest.raises(DataError, match=r"cat/0 \"x\"\.png is not read back as written"):
        pack(load(folder), tmp_path / "packed", 1)
    assert os.listdir(tmp_path / "packed" / "train") == []


def test_other_pictures_are_another_packing(folder: Path, tmp_path: Path) -> None:
    pack(load(folder), tmp_path / "packed", 1)
    (folder / "train" / "cat" / "more.png").write_bytes(png(99))

    with pytest.raises(DataError, match=r"holds another packing \(splits differ\)"):
        pack(load(folder), tmp_path / "packed", 1)


def test_a_folder_of_something_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not empty"):
        pack(load(folder), folder, 1)


def test_tar_shards_are_packed_too(tmp_path: Path) -> None:
    tars = load(write_data_set(tmp_path / "tars"))

    pack(tars, tmp_path / "packed", 2)

    assert load(tmp_path / "packed").train.fingerprint() == tars.train.fingerprint()


def test_the_door_says_what_it_wrote(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "log_to_console", lambda: None)  # it would stay for the tests that follow
    arguments = [str(folder), "--output", str(tmp_path / "packed"), "--shards", "2", "--cache_dir", str(tmp_path)]

    assert door.main(arguments) == 0

    assert "24 pictures in 4 shards, 4 written now, 0 there before" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda shard: os.truncate(shard, (1 << 24) + 500), r"is cut off before the end of cat/"),
        (lambda shard: os.truncate(shard, 100), r"is no MindRecord file"),
        (lambda shard: shard.with_name(f"{shard.name}.db").unlink(), r"its index .*\.mindrecord\.db is not beside it"),
        (lambda shard: shard.with_name(f"{shard.name}.db").write_bytes(b"x" * 5000), r"its index cannot be read"),
        (lambda shard: shard.write_bytes(shard.read_bytes()[: 1 << 24] + bytes(1 << 20)), r"is another file's at cat/"),
    ],
    ids=["cut", "header", "no index", "index", "other"],
)
def test_damage_is_named(folder: Path, tmp_path: Path, damage: object, said: str) -> None:
    pack(load(folder), tmp_path / "packed", 1)
    damage(shards(tmp_path / "packed")[0])  # type: ignore[operator]

    with pytest.raises(DataError, match=said) as refused:
        load(tmp_path / "packed")

    assert "\n" not in str(refused.value)
