"""The doctor passes nothing that training would refuse, and says what training would say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from common.errors import DataError
from datazoo.doctor import examination
from datazoo.doctor.__main__ import main as doctor


def write_class(folder: Path, *pixel: int, count: int = 5) -> None:
    folder.mkdir(parents=True)
    for index in range(count):
        Image.new("RGB", (40, 40), (*pixel, 20 * index)).save(folder / f"{index}.png")


def said_of(data: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = doctor([str(data), "--output", str(data.parent / "seen")])
    return code, capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("cat", "d\nog"), r"the name of class folder 'd\nog' holds \n"),
        (("cat",), "one class only (cat), and there is nothing to tell apart"),
        (("caf\u00e9", "cafe\u0301"), "two class folders are called 'café'"),
    ],
)
def test_what_training_refuses_does_not_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: tuple[str, ...], says: str
) -> None:
    for place, name in enumerate(names):
        write_class(tmp_path / "pets" / name, 90 * place, 7)

    code, out = said_of(tmp_path / "pets", capsys)

    assert code == 1
    assert "PROBLEM  Training would refuse these data: 1" in out
    assert says in out
    found = json.loads((tmp_path / "seen/doctor.json").read_text(encoding="utf-8"))["findings"]
    assert found[0]["kind"] == "refused"


def test_a_class_of_one_photo_does_not_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_class(tmp_path / "pets/cat", 0, 7)
    write_class(tmp_path / "pets/dog", 90, 7, count=1)

    assert (
        "class 'dog' has 1 distinct picture(s) among 1; a hold-out needs at least 2"
        in said_of(tmp_path / "pets", capsys)[1]
    )


def test_a_broken_picture_is_told_as_broken_and_not_as_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, name in enumerate(("cat", "dog")):
        write_class(tmp_path / "pets" / name, 90 * place, 7)
    (tmp_path / "pets/cat/gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "pets/cat/0.png").write_bytes(b"")

    code, out = said_of(tmp_path / "pets", capsys)

    assert code == 1
    assert "Cannot be decoded: 2" in out
    assert "refuse" not in out


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--fix", "full"), "--fix full is not empty"),
        (("--fix", "pets/clean"), "lies inside the data set"),
        (("--fix", "file"), "--fix file is no folder; name a new one"),
        (("--output", "file"), "File exists: 'file'"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_refused_before_pictures_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], says: str
) -> None:
    write_class(tmp_path / "pets/cat", 0, 7)
    write_class(tmp_path / "pets/dog", 90, 7)
    write_class(tmp_path / "full", 0, 0)
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(examination, "examine", lambda paths, workers: pytest.fail("pictures were looked at"))

    with pytest.raises((DataError, OSError), match=says):
        doctor(["pets", *flags])
