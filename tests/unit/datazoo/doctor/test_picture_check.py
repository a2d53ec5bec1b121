"""A start looks at the pictures that changed, and finds what a look at all of them would find."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from common.errors import DataError
from datazoo.doctor.check import check_splits
from datazoo.doctor.copies import leaks_between
from datazoo.doctor.memory import PictureMemory
from datazoo.doctor.picture_check import CheckMode, PictureCheck
from datazoo.pictures import Splits
from datazoo.pipeline.picture_bytes import FileKey, Identity, read_identified
from datazoo.sources.splits import SplitChoice, load_splits
from tests.unit.datazoo.doctor.pictures import memory_of, write_dataset, write_picture


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths whose bytes are read, one entry a time."""
    read: list[str] = []

    def counted(file: FileKey) -> tuple[bytes, Identity | None]:
        read.append(str(file))
        return read_identified(file)

    monkeypatch.setattr("datazoo.doctor.examine.read_identified", counted)
    return read


def start(
    dataset: Path,
    memory: PictureMemory,
    mode: CheckMode = "changed",
    needed: tuple[str, ...] = ("train", "val", "test"),
    on_bad: str = "fail",
    resize: int | None = None,
    choice: SplitChoice | None = None,
) -> Splits:
    with memory:
        check = PictureCheck(memory, mode, needed, resize, workers=2)
        splits = load_splits("image_folder", dataset, choice, check.hashed)
        return check_splits(splits, on_bad, check)  # type: ignore[arg-type]


def test_a_second_start_reads_no_picture(dataset: Path, tmp_path: Path, looks: list[str]) -> None:
    first = start(dataset, memory_of(tmp_path))
    assert len(looks) == len(set(looks)) == 24

    second = start(dataset, memory_of(tmp_path))

    assert len(looks) == 24
    assert [part.fingerprint() for part in second] == [part.fingerprint() for part in first]


def test_what_is_found_is_said_in_one_line(dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "datazoo"):
        start(dataset, memory_of(tmp_path), needed=("test",))
        start(dataset, memory_of(tmp_path))

    assert "data.check changed: 8 pictures decoded, 16 only hashed, 0 remembered" in caplog.text
    assert "data.check changed: 16 pictures decoded, 0 only hashed, 8 remembered" in caplog.text


def test_hashes_are_those_of_the_bytes(dataset: Path, tmp_path: Path) -> None:
    plain = [[hashlib.sha256(path.read_bytes()).digest() for path in part.paths or ()]
             for part in load_splits("image_folder", dataset)]  # fmt: skip

    for _ in range(2):
        assert [part.content_hashes() for part in start(dataset, memory_of(tmp_path))] == plain


def replace_file(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[:-1] + b"\0")
    status = path.stat()
    os.replace(other, path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def rewrite_in_place(path: Path) -> None:
    status, content = path.stat(), path.read_bytes()
    with path.open("r+b") as file:
        file.write(content[:-1] + b"\0")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-6])


def point_elsewhere(path: Path) -> None:
    other = path.with_name("elsewhere")
    other.write_bytes(b"<html>404</html>")
    path.unlink()
    path.symlink_to(other)


@pytest.mark.parametrize("change", [replace_file, rewrite_in_place, append, point_elsewhere])
def test_a_changed_file_is_looked_at_again(
    dataset: Path, tmp_path: Path, looks: list[str], change: Callable[[Path], None]
) -> None:
    """Also where size and time stay the same."""
    start(dataset, memory_of(tmp_path))
    looks.clear()
    change(dataset / "train/a/1.png")

    with pytest.raises(DataError, match=r"train: 1 of 8 pictures cannot be decoded: .*1\.png"):
        start(dataset, memory_of(tmp_path))
    assert looks == [str(dataset / "train/a/1.png")]


def test_the_target_of_a_link_counts(dataset: Path, tmp_path: Path, looks: list[str]) -> None:
    target = write_picture(tmp_path / "elsewhere/x.png", 77)
    (dataset / "train/a/9.png").symlink_to(target)
    start(dataset, memory_of(tmp_path))
    looks.clear()
    write_picture(target, 78)

    splits = start(dataset, memory_of(tmp_path))

    assert looks == [str(dataset / "train/a/9.png")]
    assert hashlib.sha256(target.read_bytes()).digest() in splits.train.content_hashes()


def test_a_file_that_was_just_written_is_not_trusted(dataset: Path, tmp_path: Path, looks: list[str]) -> None:
    """It may change again within the same tick of the clock, and look the same."""
    for _ in range(2):
        start(dataset, PictureMemory(tmp_path / "pictures.sqlite"))

    assert len(looks) == 48


def test_a_file_that_changes_while_it_is_read_is_not_remembered(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.read

    def read_and_change(descriptor: int, size: int) -> bytes:
        content = read(descriptor, size)
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith("train/a/3.png"):
            os.utime(descriptor)
        return content

    monkeypatch.setattr("datazoo.pipeline.picture_bytes.os.read", read_and_change)
    start(dataset, memory_of(tmp_path))
    monkeypatch.undo()

    with memory_of(tmp_path) as memory:
        names = [str(dataset / f"train/a/{index}.png") for index in range(4)]
        assert memory.recall(names, decoded=True).unknown().tolist() == [3]


@pytest.mark.parametrize("on_bad", ["fail", "skip"])
def test_a_bad_picture_is_told_from_memory_as_when_it_was_found(
    dataset: Path, tmp_path: Path, on_bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    append(dataset / "val/b/2.png")
    told, kept = [], []
    for _ in range(2):
        caplog.clear()
        try:
            kept.append(start(dataset, memory_of(tmp_path), on_bad=on_bad).val.fingerprint())
            told.append(warnings_in(caplog))
        except DataError as error:
            told.append([str(error)])

    assert "1 of 8 pictures cannot be decoded" in told[0][0]
    assert told[0] == told[1]
    assert len(set(kept)) == (on_bad == "skip")


def test_a_strip_is_judged_at_the_resize_of_each_start(dataset: Path, tmp_path: Path, looks: list[str]) -> None:
    Image.new("RGB", (400_000, 1)).save(dataset / "train/a/strip.png")
    start(dataset, memory_of(tmp_path))
    looks.clear()

    with pytest.raises(DataError, match="too narrow: 102400000x256 after resizing"):
        start(dataset, memory_of(tmp_path), resize=256)
    start(dataset, memory_of(tmp_path), resize=10)

    assert looks == []


def test_another_decoder_decodes_again(dataset: Path, tmp_path: Path, looks: list[str]) -> None:
    start(dataset, memory_of(tmp_path))
    looks.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("PIL.__version__", "0.0")
        start(dataset, memory_of(tmp_path))

    assert len(looks) == 24


def test_only_the_splits_that_are_needed_are_decoded(dataset: Path, tmp_path: Path) -> None:
    """Of the others, copies are still found."""
    append(dataset / "train/a/1.png")
    shutil.copy(dataset / "train/b/3.png", dataset / "test/b/0.png")

    splits = start(dataset, memory_of(tmp_path), needed=("test",))

    assert leaks_between(splits)["train", "test"] == 1
    with pytest.raises(DataError, match="train: 1 of 8"):
        start(dataset, memory_of(tmp_path), needed=("train",))


def test_a_held_out_split_is_decoded_with_its_hashes(dataset: Path, tmp_path: Path, looks: list[str]) -> None:
    shutil.rmtree(dataset / "val")
    choice = SplitChoice(val_fraction=0.25)
    plain = [part.fingerprint() for part in load_splits("image_folder", dataset, choice)]

    splits = start(dataset, memory_of(tmp_path), choice=choice)

    assert [part.fingerprint() for part in splits] == plain
    assert len(looks) == len(set(looks)) == 16


def test_full_looks_at_every_file(dataset: Path, tmp_path: Path, looks: list[str]) -> None:
    start(dataset, memory_of(tmp_path))
    start(dataset, memory_of(tmp_path), mode="full")

    assert len(looks) == 48


def test_off_opens_nothing_and_says_so(
    dataset: Path, tmp_path: Path, looks: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        splits = start(dataset, memory_of(tmp_path), mode="off")

    assert looks == []
    assert all(part.unread for part in splits)
    assert "data.check off: 24 pictures not opened" in caplog.text


def test_off_knows_a_file_by_its_size_and_time_of_change(dataset: Path, tmp_path: Path) -> None:
    def prints() -> list[str]:
        return [part.fingerprint() for part in start(dataset, memory_of(tmp_path), mode="off")]

    before = prints()
    assert prints() == before

    append(dataset / "train/a/1.png")

    assert [now == then for now, then in zip(prints(), before, strict=True)] == [False, True, True]


@pytest.mark.parametrize("content", [b"no database", b"", "half", "page"])
def test_a_damaged_database_is_made_anew(
    dataset: Path, tmp_path: Path, content: bytes | str, looks: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    start(dataset, memory_of(tmp_path))
    path = tmp_path / "pictures.sqlite"
    whole = path.read_bytes()
    damaged = {"half": whole[: len(whole) // 2], "page": whole[:4096] + b"\xff" * (len(whole) - 4096)}
    path.write_bytes(content if isinstance(content, bytes) else damaged[content])

    start(dataset, memory_of(tmp_path))
    start(dataset, memory_of(tmp_path))

    assert len(looks) == 48  # once more, and then never again
    lines = warnings_in(caplog)
    assert [line.rpartition("; ")[2] for line in lines] == ["made anew, every picture is looked at again"] * bool(
        content
    )


def test_a_damaged_database_that_cannot_be_made_anew_costs_one_line(
    dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "pictures.sqlite").write_bytes(b"no database" * 1000)
    (tmp_path / "pictures.lock").mkdir()

    splits = start(dataset, memory_of(tmp_path))

    assert len(splits.train) == 8
    assert ["is not remembered" in line for line in warnings_in(caplog)] == [True]


def test_a_cache_folder_that_cannot_be_written_costs_one_line(
    dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")

    splits = start(dataset, memory_of(tmp_path / "file" / "cache"))

    assert len(splits.train) == 8
    assert [line.partition("; ")[2] for line in warnings_in(caplog)] == [
        "what is found in pictures is not remembered, and the next start looks again (data.cache_dir)"
    ]


def test_a_database_that_may_only_be_read_is_read(
    dataset: Path, tmp_path: Path, looks: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start(dataset, memory_of(tmp_path))
    looks.clear()
    write_picture(dataset / "train/a/7.png", 1234)
    memory = memory_of(tmp_path)
    memory._open().execute("PRAGMA query_only = 1")  # what a read-only mount does, for root too

    start(dataset, memory)

    assert looks == [str(dataset / "train/a/7.png")]
    assert len(warnings_in(caplog)) == 1


def test_names_that_are_not_utf8_are_remembered(dataset: Path, tmp_path: Path, looks: list[str]) -> None:
    shutil.copy(dataset / "train/a/1.png", dataset / "train/a" / os.fsdecode(b"\xb9\xb7.png"))
    for _ in range(2):
        start(dataset, memory_of(tmp_path))

    assert len(looks) == 25
