"""Where splits are made, one read and one decode of a picture tell whether it is sound and what it looks like."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datazoo.doctor.examine import examine
from datazoo.doctor.memory import PictureMemory
from datazoo.photos.look import Look, look_into
from datazoo.pipeline.picture_bytes import FileKey, Identity, read_identified
from engine.config.data_section import DataConfig
from engine.jobs.pictures import open_splits
from tests.unit.datazoo.doctor.pictures import later


def photo(seed: int, size: tuple[int, int] = (96, 72)) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def stored(kind: str, mode: str = "RGB", size: tuple[int, int] = (96, 72), turned: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turned
    stream = io.BytesIO()
    photo(0, size).convert(mode).save(stream, kind, exif=exif)
    return stream.getvalue()


LARGE = stored("JPEG", size=(1200, 1040), turned=6)
EACH = {
    "jpeg": stored("JPEG"), "gray": stored("JPEG", "L"), "cmyk": stored("JPEG", "CMYK"),
    "turned": stored("JPEG", turned=6), "large and turned": LARGE,
    "png": stored("PNG"), "with alpha": stored("PNG", "RGBA"), "palette": stored("PNG", "P"),
}  # fmt: skip


def same(one: Look | None, other: Look) -> bool:
    return (
        one is not None
        and one.size == other.size
        and np.array_equal(one.frequencies, other.frequencies)
        and np.array_equal(one.thumbnail, other.thumbnail)
    )


@pytest.mark.parametrize("content", EACH.values(), ids=EACH)
def test_the_look_on_the_way_is_the_look(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)

    found = examine(str(tmp_path / "x"), looking=True)

    assert same(found.look, look_into(content))
    assert found._replace(look=None) == examine(str(tmp_path / "x"))


@given(cut=st.integers(1, 4000))
def test_a_broken_tail_is_found_at_the_scale_of_a_look(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.jpg"
    path.write_bytes(LARGE[:-cut])

    found, alone = examine(str(path), looking=True), examine(str(path))

    assert (found.fault, found.look is None) == (alone.fault, alone.fault is not None)


@pytest.mark.parametrize("size", [(63, 200), (8, 8)])
def test_too_small_a_picture_has_no_look(tmp_path: Path, size: tuple[int, int]) -> None:
    photo(1, size).save(tmp_path / "x.png")

    assert examine(str(tmp_path / "x.png"), looking=True) == examine(str(tmp_path / "x.png"))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files that are read, one entry a time."""
    seen: list[str] = []

    def counted(file: FileKey) -> tuple[bytes, Identity | None]:
        seen.append(str(file))
        return read_identified(file)

    for module in ("datazoo.doctor.examine", "datazoo.pipeline.decode"):
        monkeypatch.setattr(f"{module}.read_identified", counted)
    return seen


@pytest.fixture
def class_folders(tmp_path: Path) -> DataConfig:
    for index in range(24):
        place = tmp_path / "data" / "ab"[index % 2] / f"{index}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        photo(index).save(place)
    return DataConfig(source="image_folder", path=tmp_path / "data", cache_dir=tmp_path / "cache")


def test_a_first_start_on_class_folders_reads_each_picture_once(class_folders: DataConfig, reads: list[str]) -> None:
    splits = open_splits(class_folders)

    assert sorted(reads) == sorted(str(path) for part in splits for path in part.paths or ())


def test_photos_are_found_among_pictures_that_are_remembered_and_one_that_is_new(
    class_folders: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.jobs.pictures.PictureMemory", lambda path: PictureMemory(path, clock=later))
    open_splits(class_folders)
    photo(3).save(tmp_path / "data" / "a" / "again.png")

    splits = open_splits(class_folders)

    sides = [part.split for part in splits for path in part.paths or () if path.name in ("3.jpg", "again.png")]
    assert len(sides) == 2
    assert len(set(sides)) == 1
