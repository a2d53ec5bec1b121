"""A folder is listed once, and what is in it is understood as pathlib would."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from common.errors import DataError
from datazoo.pipeline.decode import decode_file
from datazoo.sources.image_folder import _suffix, scan

NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1).filter(lambda name: name not in (".", ".."))


@given(NAMES | st.text("a.", min_size=1).filter(lambda name: name.strip(".")))
def test_a_suffix_is_that_of_a_path(name: str) -> None:
    assert _suffix(name) == Path(name).suffix.lower()


def test_what_is_no_picture_is_counted_and_links_are_followed(tmp_path: Path) -> None:
    folder = tmp_path / "train" / "a"
    folder.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "elsewhere.png")
    for name in ("b.PNG", "a.png", ".hidden.png", "notes.txt", "none", "ends."):
        (folder / name).write_bytes(b"x")
    (folder / "link.png").symlink_to(tmp_path / "elsewhere.png")
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")

    pictures, notes = scan(tmp_path / "train", "train", None)

    assert [path.name for path in pictures.paths or ()] == ["a.png", "b.PNG", "link.png"]
    assert "(1 .txt, 2 folder, 1 hidden, 2 no extension)" in notes[0]
    assert "2 dangling links left out: a/gone.png, a/loop.png" in notes[1]


@pytest.mark.parametrize(("ending", "kind"), [("jfif", "JPEG"), ("jpe", "JPEG"), ("avif", "AVIF")])
def test_endings_that_browsers_save_under_are_pictures(tmp_path: Path, ending: str, kind: str) -> None:
    (tmp_path / "a").mkdir()
    Image.new("RGB", (8, 8), (200, 10, 10)).save(tmp_path / f"a/1.{ending}", kind)

    pictures, notes = scan(tmp_path, "train", None)

    assert decode_file(pictures.paths[0]).getpixel((4, 4))[0] > 150  # type: ignore[index]
    assert notes == ()


def test_pictures_of_an_iphone_say_what_to_do(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.heic", "b/1.HEIC"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    with pytest.raises(
        DataError, match=r"class 'b' has no pictures .*\nit holds 1 \.heic \(HEIC, which iPhones save; export"
    ):
        scan(tmp_path, "train", None)
