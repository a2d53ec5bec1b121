"""Archives from outside unpack into their own folder, whole or not at all."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from common.errors import DataError
from datazoo.fetch.archive import unpack


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_the_content_of_the_folder_inside_becomes_the_target(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"in/train/Cans/1.jpg": b"one", "in/test/Cans/2.jpg": b"two"})
    unpack(archive, "in", tmp_path / "new" / "out")
    assert (tmp_path / "new" / "out" / "train" / "Cans" / "1.jpg").read_bytes() == b"one"
    assert everything(tmp_path / "new" / "out") == [
        *("test", "test/Cans", "test/Cans/2.jpg"),
        *("train", "train/Cans", "train/Cans/1.jpg"),
    ]


def test_what_other_programs_left_in_it_is_counted_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = zipped(tmp_path / "a.zip", {"in/1.jpg": b"1", "in/.DS_Store": b"", "__MACOSX/in/._1.jpg": b""})
    with caplog.at_level("INFO"):
        unpack(archive, "in", tmp_path / "out")
    assert everything(tmp_path / "out") == ["1.jpg"]
    assert "2 entries of other programs left out" in caplog.text


@pytest.mark.parametrize("name", ["../evil.jpg", "in/../../evil.jpg", "/evil.jpg", "in\\..\\evil.jpg"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    archive = zipped(tmp_path / "a.zip", {"in/1.jpg": b"1", name: b"evil"})
    with pytest.raises(DataError, match="leads out of the archive's folder; nothing was unpacked"):
        unpack(archive, "in", tmp_path / "out")
    assert everything(tmp_path) == ["a.zip"]


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("in/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc")
    with pytest.raises(DataError, match="leads out"):
        unpack(tmp_path / "a.zip", "in", tmp_path / "out")


def test_another_top_folder_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"other/1.jpg": b"1"})
    with pytest.raises(DataError, match=r"holds other/1.jpg where only in/ is expected"):
        unpack(archive, "in", tmp_path / "out")


def test_damage_leaves_nothing(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"in/1.jpg": b"first", "in/2.jpg": bytes(5000)})
    content = bytearray(archive.read_bytes())
    content[content.index(b"in/2.jpg") + 12] ^= 255
    archive.write_bytes(content)
    with pytest.raises(DataError, match="damaged, or no zip archive"):
        unpack(archive, "in", tmp_path / "out")
    assert everything(tmp_path) == ["a.zip"]


def test_a_page_saved_in_place_of_an_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("<html>404</html>")
    with pytest.raises(DataError, match="no zip archive"):
        unpack(tmp_path / "a.zip", "in", tmp_path / "out")


def test_more_than_the_disk_holds_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = zipped(tmp_path / "a.zip", {"in/1.jpg": bytes(5000)})
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("datazoo.fetch.archive.shutil.disk_usage", lambda path: usage._replace(free=4999))
    with pytest.raises(DataError, match="unpacks to 5,000 bytes, and 4,999 are free"):
        unpack(archive, "in", tmp_path / "out")
    assert everything(tmp_path) == ["a.zip"]
