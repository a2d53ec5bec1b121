"""Files come into place whole, under any name that the file system takes."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from common.files import atomic_folder, atomic_link, write_json


@pytest.mark.parametrize("name", ["n" * 255, "n" * 250 + ".json", "猫" * 85, "a b.json", "(x)+,=~#%'\"&;[].json"])
def test_any_name_of_the_file_system_can_be_written(tmp_path: Path, name: str) -> None:
    write_json(tmp_path / name, [1])
    assert json.loads((tmp_path / name).read_text(encoding="utf-8")) == [1]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_may_have_the_longest_name(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / ("n" * 255)) as folder:
        (folder / "file").touch()
    assert (tmp_path / ("n" * 255) / "file").is_file()


def test_json_holds_a_name_that_is_not_utf8_and_gives_it_back(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"file": "\udcb9\udcb7.png", "class": "狗"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"file": "\udcb9\udcb7.png", "class": "狗"}
    assert "狗" in text


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit((tmp_path / "pipe").read_text)
        write_json(tmp_path / "pipe", [1])
        assert json.loads(read.result(timeout=60)) == [1]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_an_open_stream_is_written_to_and_its_name_stays(tmp_path: Path) -> None:
    with (tmp_path / "out.json").open("w") as stream:
        (tmp_path / "stdout").symlink_to(f"/proc/self/fd/{stream.fileno()}")  # what /dev/stdout is
        write_json(tmp_path / "stdout", [1])
        write_json(Path(f"/proc/self/fd/{stream.fileno()}"), [2])
        assert (tmp_path / "stdout").is_symlink()
    assert json.loads((tmp_path / "out.json").read_text()) == [2]


@pytest.mark.parametrize("name", ["nowhere/a.json", "folder"])
def test_what_cannot_be_written_is_called_by_the_name_that_was_given(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=re.escape(f"'{tmp_path / name}'")):
        write_json(tmp_path / name, [1])


def make_folder(target: Path) -> None:
    with atomic_folder(target):
        pass


@pytest.mark.parametrize(
    "make", [lambda target: write_json(target, 1), make_folder, lambda target: atomic_link(target, "a")]
)
def test_a_read_only_mount_is_told_by_the_name_that_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def refuse_new(path: Path, *_: object, exist_ok: bool = False, **__: object) -> None:
        if not exist_ok:
            refuse(path)

    for name in ("open", "unlink", "symlink_to"):  # a mount refuses to unlink even what is not there
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(Path, "mkdir", refuse_new)

    with pytest.raises(OSError, match="Read-only") as caught:
        make(tmp_path / "report.json")
    assert caught.value.filename == str(tmp_path / "report.json")


def test_of_two_processes_that_make_one_folder_the_second_names_it(tmp_path: Path) -> None:
    target = tmp_path / "bundle"

    def make() -> None:
        with atomic_folder(target) as folder:
            (folder / "mine").touch()
            target.mkdir()
            (target / "theirs").touch()

    with pytest.raises(FileExistsError, match="another process has made it meanwhile") as refused:
        make()

    assert refused.value.filename == str(target)
    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "theirs"]
