"""Data sets in one archive: unpacked once, whole or not at all, and never outside its folder."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from common.errors import DataError
from datazoo.pictures import Splits
from datazoo.sources import archive
from datazoo.sources.splits import SplitChoice, load_splits


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (seed, 0, 7)).save(stream, "PNG")
    return stream.getvalue()


def members(prefix: str = "pets/", classes: tuple[str, ...] = ("cat", "dog")) -> dict[str, bytes]:
    return {f"{prefix}{name}/{i}.png": png(20 * i + place) for place, name in enumerate(classes) for i in range(5)}


def make_zip(path: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, raw in content.items():
            made.writestr(name, raw)
    return path


def make_tar(path: Path, content: dict[str, bytes], mode: str, encoding: str = "utf-8") -> Path:
    with tarfile.open(path, mode, encoding=encoding) as made:  # type: ignore[call-overload]
        for name, raw in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            made.addfile(info, io.BytesIO(raw))
    return path


def load(path: Path) -> Splits:
    return load_splits("image_folder", path, SplitChoice(archive_dir=path.parent / "cache"))


def nothing_is_left(folder: Path) -> bool:
    cache = folder / "cache"
    return not cache.exists() or list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("ending", "mode"),
    [("tar", "w"), ("tar.gz", "w:gz"), ("tgz", "w:gz"), ("tar.xz", "w:xz"), ("txz", "w:xz"), ("tbz2", "w:bz2")],
)
def test_a_tar_of_class_folders_is_a_data_set(tmp_path: Path, ending: str, mode: str) -> None:
    splits = load(make_tar(tmp_path / f"pets.{ending}", members(), mode))

    assert splits.train.classes == ("cat", "dog")
    assert [len(part) for part in splits] == [6, 2, 2]


def test_a_zip_of_split_folders_is_a_data_set(tmp_path: Path) -> None:
    content = {**members("train/"), **members("valid/"), **members("test/")}

    splits = load(make_zip(tmp_path / "pets.ZIP", content))

    assert splits.folders == {"train_split": "train", "val_split": "valid", "test_split": "test"}


def test_a_list_in_an_archive_is_read(tmp_path: Path) -> None:
    content = {**members("img/"), "labels.csv": "".join(f"img/{n},{n.split('/')[0]}\n" for n in members("")).encode()}
    assert load(make_zip(tmp_path / "pets.zip", content)).train.classes == ("cat", "dog")


def test_it_is_unpacked_once_and_again_if_its_content_changes(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "pets.zip", members())
    first = load(path)
    (place,) = (tmp_path / "cache").iterdir()
    stamp = place.stat().st_mtime_ns

    assert load(path).train.paths == first.train.paths
    assert place.stat().st_mtime_ns == stamp
    make_zip(path, members(classes=("cat", "owl")))
    assert load(path).train.classes == ("cat", "owl")


class WindowsName(zipfile.ZipInfo):
    """A name as a Chinese Windows writes it: GBK, and no mark that says so."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), 0


def test_names_of_a_chinese_windows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as made:
        for name, raw in members("", ("猫", "狗")).items():
            made.writestr(WindowsName(name), raw)

    assert set(load(path).train.classes) == {"猫", "狗"}


def test_names_of_a_chinese_tar_are_read(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "pets.tar", members("", ("猫", "狗")), "w", encoding="gbk")

    assert set(load(path).train.classes) == {"猫", "狗"}


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "cat/../../out.png", "..\\out.png", "C:/out.png"])
def test_a_name_that_leads_out_is_refused_and_nothing_is_left(tmp_path: Path, name: str) -> None:
    path = make_zip(tmp_path / "pets.zip", {**members(), name: png(99)})

    with pytest.raises(DataError, match="leads out of the folder; it is refused"):
        load(path)

    assert nothing_is_left(tmp_path)
    assert not (tmp_path / "out.png").exists()


def test_links_in_an_archive_are_not_made(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "pets.tar", members(), "w")
    with tarfile.open(path, "a") as made:
        info = tarfile.TarInfo("pets/cat/passwd.png")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(info)

    load(path)

    assert not [file for file in (tmp_path / "cache").rglob("*") if file.is_symlink()]


def test_a_bomb_is_refused_by_what_it_unpacks_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_ALWAYS_FINE", 1000)
    path = make_zip(tmp_path / "pets.zip", {**members(), "pets/cat/big.png": bytes(5_000_000)})

    with pytest.raises(DataError, match="unpacks to far more than its size"):
        load(path)

    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_a_truncated_archive_is_refused_and_nothing_is_left(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"pets.{ending}"
    content = {name: raw + bytes(range(256)) * 40 for name, raw in members().items()}
    make_zip(path, content) if ending == "zip" else make_tar(path, content, "w:gz" if ending == "tar.gz" else "w")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(DataError, match=r"cannot be unpacked .*download or pack it again"):
        load(path)

    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"pets.{ending}"
    path.write_bytes(b"<html>not found</html>")

    with pytest.raises(DataError, match="cannot be unpacked"):
        load(path)


def test_an_archive_without_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no pictures but 1 \.md; they end in \.avif, \.bmp"):
        load(make_zip(tmp_path / "pets.zip", {"readme.md": b"hello"}))


def test_an_archive_of_archives_says_what_to_name(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "train.zip", members()).read_bytes()
    with pytest.raises(DataError, match=r"holds no pictures but 1 \.zip; unpack it, and name an archive or folder"):
        load(make_zip(tmp_path / "pets.zip", {"train.zip": inner}))


@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_a_tar_that_ends_between_two_files_is_refused(tmp_path: Path, damage: str) -> None:
    path = make_tar(tmp_path / "pets.tar", members(), "w")
    with tarfile.open(path) as made:
        cut = made.getmembers()[7].offset
    raw = path.read_bytes()
    path.write_bytes(raw[:cut] + (b"" if damage == "cut" else b"x" * 512 + raw[cut + 512 :]))

    with pytest.raises(DataError, match=f"it is cut off or damaged: no end behind byte {cut:,}"):
        load(path)

    assert nothing_is_left(tmp_path)


def test_an_archive_is_read_as_what_it_is_and_not_as_what_it_is_called(tmp_path: Path) -> None:
    zipped = make_zip(tmp_path / "a.zip", members()).rename(tmp_path / "a.tar.gz")
    tarred = make_tar(tmp_path / "b.tar.gz", members(), "w:gz").rename(tmp_path / "b.zip")

    assert [len(load(path).train) for path in (zipped, tarred)] == [6, 6]


def test_a_file_that_is_no_tar_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "pets.tar").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot be unpacked \(it is no tar file\); download or pack it again$"):
        load(tmp_path / "pets.tar")


def test_a_name_that_no_disk_takes_is_named(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "pets.zip", {**members(), f"pets/cat/{'x' * 300}.png": png(1)})
    with pytest.raises(
        DataError, match=r"cannot be unpacked \(x+\.png: File name too long\); pack it again with other"
    ):
        load(path)


def test_a_password_is_said(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "pets.zip", members())
    raw = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := raw.find(mark, at + 1)) >= 0:
            raw[at + place] |= 1
    path.write_bytes(raw)

    with pytest.raises(DataError, match=r"\(it is encrypted\); pack it again without a password"):
        load(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_files_of_one_name_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = make_zip(tmp_path / "pets.zip", members())
    with zipfile.ZipFile(path, "a") as made:
        made.writestr("pets/cat/0.png", png(99))

    with caplog.at_level("INFO"):
        load(path)

    assert "10 files; left out: 1 named twice" in caplog.text


@pytest.mark.parametrize(
    ("name", "command"), [("a b.tar.zst", "tar --zstd -xf '"), ("pets.7z", "7z x "), ("pets.rar", "unrar x ")]
)
def test_an_archive_of_another_kind_says_how_to_unpack_it(tmp_path: Path, name: str, command: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match=f"of a kind that is not read here\nunpack it .{command}.*name the folder"):
        load(tmp_path / name)


def test_what_is_no_picture_stays_inside(tmp_path: Path) -> None:
    load(make_zip(tmp_path / "pets.zip", {**members(), "__MACOSX/cat/._0.png": b"x", "pets/cat/run.exe": b"x"}))

    assert not [file for file in (tmp_path / "cache").rglob("*") if file.suffix == ".exe" or "MACOSX" in str(file)]
