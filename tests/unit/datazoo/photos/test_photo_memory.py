"""Photos are found once, by all ranks together, and are those that one process would find."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from datazoo.photos.groups import photo_groups
from datazoo.photos.look import Look, look_into
from datazoo.photos.memory import PhotoMemory
from datazoo.pictures import PictureSet
from datazoo.pipeline.order import Shard
from datazoo.pipeline.ranks import Ranks
from tests.unit.datazoo.doctor.pictures import on_ranks


@pytest.fixture
def pictures(tmp_path: Path) -> PictureSet:
    """Five photos, each with its mirror image, and a file that is no picture."""
    folder = tmp_path / "data"
    folder.mkdir()
    for seed in range(5):
        noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
        photo = Image.fromarray(noise).resize((96, 72), Image.Resampling.BICUBIC)
        photo.save(folder / f"{seed}.png")
        ImageOps.mirror(photo).save(folder / f"{seed}_mirrored.png")
    (folder / "broken.png").write_bytes(b"<html>404</html>")
    return listed(folder)


def listed(folder: Path) -> PictureSet:
    paths = sorted(folder.iterdir())
    return PictureSet("train", ("a",), np.zeros(len(paths), np.int32), paths=paths)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Contents that are looked into, one entry a time."""
    seen: list[bytes] = []

    def counted(raw: bytes, decoded: Image.Image | None = None) -> Look:
        seen.append(raw)
        return look_into(raw, decoded)

    monkeypatch.setattr("datazoo.photos.look.look_into", counted)
    return seen


def test_a_second_start_looks_at_nothing(pictures: PictureSet, tmp_path: Path, looks: list[bytes]) -> None:
    first = PhotoMemory(tmp_path / "photos").groups(pictures)
    looks.clear()

    again = PhotoMemory(tmp_path / "photos").groups(pictures)

    assert looks == []
    assert first.tolist() == again.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5]


def test_a_changed_picture_is_looked_at(pictures: PictureSet, tmp_path: Path) -> None:
    PhotoMemory(tmp_path / "photos").groups(pictures)
    os.replace(tmp_path / "data/0.png", tmp_path / "data/1.png")
    now = listed(tmp_path / "data")

    assert PhotoMemory(tmp_path / "photos").groups(now).tolist() == photo_groups(now).tolist()


@pytest.mark.parametrize("damage", [b"", b"no array"])
def test_damaged_photos_are_found_anew(pictures: PictureSet, tmp_path: Path, damage: bytes) -> None:
    first = PhotoMemory(tmp_path / "photos").groups(pictures)
    for kept in (tmp_path / "photos").iterdir():
        kept.write_bytes(damage)

    assert PhotoMemory(tmp_path / "photos").groups(pictures).tolist() == first.tolist()


def test_ranks_look_at_each_picture_once(pictures: PictureSet, tmp_path: Path, looks: list[bytes]) -> None:
    def work(rank: int, gather: Callable[[bytes], list[bytes]]) -> list[int]:
        return PhotoMemory(tmp_path / "photos", Ranks(Shard(rank, 3), gather)).groups(pictures).tolist()

    first = on_ranks(3, work)
    looked = len(looks)
    again = on_ranks(3, work)

    assert first == again == [photo_groups(pictures).tolist()] * 3
    assert looked == len(pictures)


def test_pictures_too_small_for_a_near_copy_are_not_looked_at(
    pictures: PictureSet, tmp_path: Path, looks: list[bytes]
) -> None:
    Image.new("RGB", (63, 900)).save(tmp_path / "data/strip.png")
    now = listed(tmp_path / "data")
    sizes = np.array([Image.open(path).size if path.stem != "broken" else (0, 0) for path in now.paths or ()], np.int32)

    found = PhotoMemory(None).groups(replace(now, sizes=sizes))

    assert found.tolist() == photo_groups(now).tolist()
    assert len(looks) == 2 * len(now) - 1  # photo_groups looks at all of them


def test_a_folder_that_cannot_be_written_costs_one_line(
    pictures: PictureSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "photos").write_text("in the way")

    found = PhotoMemory(tmp_path / "photos").groups(pictures)

    assert found.tolist() == photo_groups(pictures).tolist()
    assert caplog.text.count("photos are not remembered") == 1
