"""Lists of pictures: what is read, what is refused, and that a list that was written gives the same splits again."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from common.errors import DataError
from datazoo.pictures import PictureSet, Splits
from datazoo.sources.list_file import read_entries
from datazoo.sources.listed_files import files_of
from datazoo.sources.picture_list import write_list
from datazoo.sources.splits import SplitChoice, load_splits


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve distinct pictures: img/0.png to img/11.png."""
    (tmp_path / "img").mkdir()
    for index in range(12):
        Image.new("RGB", (4, 4), (20 * index, 0, 7)).save(tmp_path / f"img/{index}.png")
    return tmp_path


def listed(folder: Path, lines: list[str], encoding: str = "utf-8", name: str = "list.csv") -> Path:
    (folder / name).write_bytes("\r\n".join(lines).encode(encoding))
    return folder / name


def rows(delimiter: str = ",", labels: tuple[str, str] = ("cat", "dog")) -> list[str]:
    return [f"img/{index}.png{delimiter}{labels[index % 2]}" for index in range(12)]


def counts(path: Path, **choice: object) -> dict[str, int]:
    return {part.split: len(part) for part in load_splits("image_folder", path, SplitChoice(**choice))}  # type: ignore[arg-type]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", " ", ", ", "，", "；", "|"])
def test_every_delimiter_is_read(pictures: Path, delimiter: str) -> None:
    assert counts(listed(pictures, rows(delimiter), name="list.txt")) == {"train": 8, "val": 2, "test": 2}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_chinese_labels_in_every_usual_encoding(pictures: Path, encoding: str) -> None:
    splits = load_splits("image_folder", listed(pictures, rows(labels=("猫", "狗")), encoding))

    assert splits.train.classes == ("狗", "猫")


def test_columns_in_any_order_if_they_are_named(pictures: Path) -> None:
    lines = ["Label,width,Filename,split", *(f"cat,4,img/{i}.png,train" for i in range(4))]
    lines += [*(f"dog,4,img/{i}.png,{('train', 'valid', 'testing')[i % 3]}" for i in range(4, 12))]

    assert counts(listed(pictures, lines)) == {"train": 6, "val": 3, "test": 3}


def test_quoted_paths_with_blanks_are_read(pictures: Path) -> None:
    (pictures / "img").rename(pictures / "my img")
    lines = [f'"my img/{index}.png" {index % 2}' for index in range(12)]

    assert sum(counts(listed(pictures, lines, name="list.txt")).values()) == 12


def test_a_column_called_path_is_the_path_beside_one_called_id(pictures: Path) -> None:
    lines = ["id,path,label", *(f"7{index},img/{index}.png,{index % 2}" for index in range(12))]
    assert sum(counts(listed(pictures, lines)).values()) == 12


@pytest.mark.parametrize(
    "header", ["Image Path,Class Name", "img_path,category-id", "FileName,Labels", "文件名,类别", "图像路径,分类"]
)
def test_columns_are_known_by_their_usual_names(pictures: Path, header: str) -> None:
    assert sum(counts(listed(pictures, [header, *rows()])).values()) == 12


def test_paths_of_windows_are_found(pictures: Path) -> None:
    assert sum(counts(listed(pictures, [line.replace("/", "\\") for line in rows()])).values()) == 12


def test_numbers_are_labels_in_their_order_or_of_the_given_names(pictures: Path) -> None:
    path = listed(pictures, [f"img/{index}.png,{9 + index % 2}" for index in range(12)])
    assert load_splits("image_folder", path).train.classes == ("9", "10")

    path = listed(pictures, [f"img/{index}.png,{index % 2}" for index in range(12)])
    splits = load_splits("image_folder", path, SplitChoice(classes=("zebra", "ant")))
    first = next(i for i, file in enumerate(splits.train.paths or ()) if int(file.stem) % 2 == 0)
    assert splits.train.classes[splits.train.labels[first]] == "zebra"


def test_equal_numbers_are_two_labels_in_one_order(pictures: Path) -> None:
    lines = [f"img/{index}.png,{('1', '01', '001')[index % 3]}" for index in range(12)]
    assert load_splits("image_folder", listed(pictures, lines)).train.classes == ("001", "01", "1")


@pytest.mark.parametrize("label", ["caf\u00e9", "cafe\u0301"])
def test_names_are_one_however_their_letters_are_written(pictures: Path, label: str) -> None:
    (pictures / "img").rename(pictures / "im\u00e1genes")
    lines = [f"ima\u0301genes/{index}.png,{label}" for index in range(6)]
    lines += [f"im\u00e1genes/{index}.png,t\u00e9" for index in range(6, 12)]

    assert load_splits("image_folder", listed(pictures, lines)).train.classes == ("caf\u00e9", "t\u00e9")


@pytest.mark.parametrize("other", ["{folder}/img/0.png", "./img/../img/0.png", "img\\0.png"])
def test_a_picture_under_two_labels_is_refused_however_it_is_written(pictures: Path, other: str) -> None:
    with pytest.raises(DataError, match=r"lines 1 and 13: .*0\.png is cat and dog; keep one of the lines"):
        load_splits("image_folder", listed(pictures, [*rows(), f"{other.format(folder=pictures)},dog"]))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            ["path,label", '"img/0.png,cat', *(f"img/{i}.png,cat" for i in range(500))],
            "line 2: unexpected end of data; a",
        ),
        (["path,label", '"' + "x" * 200_000], "line 2: .*; a quote that begins"),
        (["x" * 5000 + ".png"], r"line 1: no label \(x{80}\)"),
        (["cat,img/0.png", "dog,img/1.png"], r"are the columns the other way round\? a first line .*: label,path"),
        (["path,label,fold", "img/0.png,cat,3"], "3 is no split .*; a column that means something else needs another"),
        ([], "is empty: each line is path,label"),
        (["path,label"], "has a header and no pictures"),
        (["img/0.png,cat", "img/1.png"], r"line 2: no label \(img/1.png\): each line is path,label"),
        (["img/0.png,cat", ",dog"], "line 2: no path"),
        (["img/0.png,cat,train", "img/1.png,cat,exam"], r"line 2: exam is no split \(train, val, test\)"),
        (["img/0.png,cat,train", "img/1.png,cat"], "line 2: no split, while other lines have one"),
        (["img/0.png,cat", "gone.png,cat", "img/1.png,dog"], r"1 of 3 pictures are not there \(line 2: gone.png\)"),
        (["img/0.png,cat", "img/0.png,dog"], r"lines 1 and 2: img/0.png is cat and dog; keep one"),
        (["img/0.png,cat,val", "img/1.png,cat,test"], "no line of split train, only of val, test"),
        (["img/0.png,cat,train", "img/1.png,dog,test"], "class 'dog' has no picture in train"),
        (["list.csv,cat"], r"names no pictures; they end in \.avif, \.bmp"),
    ],
)
def test_a_list_that_cannot_be_used_says_where_and_why(pictures: Path, lines: list[str], says: str) -> None:
    with pytest.raises(DataError, match=says):
        load_splits("image_folder", listed(pictures, lines))


def test_a_label_that_is_not_in_the_class_list_is_refused(pictures: Path) -> None:
    with pytest.raises(DataError, match=r"line 2: label 'dog' is not in the class list; did you mean 'dogs'\?"):
        load_splits("image_folder", listed(pictures, rows()), SplitChoice(classes=("cat", "dogs")))


def test_text_that_is_none_is_refused(pictures: Path) -> None:
    with pytest.raises(DataError, match="neither UTF-8 nor GBK text; save it as CSV UTF-8"):
        load_splits("image_folder", listed(pictures, rows(), "utf-16-le"))


@pytest.mark.parametrize("form", ["{}", "{}.png", "img/{}"])
def test_names_without_folder_or_ending_are_found_below_the_list(pictures: Path, form: str) -> None:
    path = listed(pictures, ["id,breed", *(f"{form.format(index)},{index % 2}" for index in range(12))])

    splits = load_splits("image_folder", path)

    assert sum(len(part) for part in splits) == 12
    assert f"{path}: 12 pictures found by their names below {pictures}" in splits.notes


def test_a_name_that_two_pictures_have_is_not_guessed(pictures: Path) -> None:
    (pictures / "more").mkdir()
    (pictures / "img/0.png").rename(pictures / "more/1.png")

    with pytest.raises(DataError, match="1 of 1 pictures are not there"):
        load_splits("image_folder", listed(pictures, ["1,cat"]))


def test_lines_without_a_picture_are_left_out_and_counted(pictures: Path) -> None:
    notes = load_splits("image_folder", listed(pictures, [*rows(), rows()[0], "list.csv,cat"])).notes

    assert f"{pictures / 'list.csv'}: lines left out: 1 .csv, 1 named twice" in notes


def test_another_file_is_no_list(pictures: Path) -> None:
    with pytest.raises(DataError, match=r"0\.png is no folder, no list of pictures .* and no archive"):
        load_splits("image_folder", pictures / "img/0.png")


def test_splits_that_were_made_are_the_same_when_their_list_is_read(pictures: Path, tmp_path: Path) -> None:
    splits = load_splits("image_folder", listed(pictures, rows()))
    (tmp_path / "elsewhere").mkdir()

    write_list(splits, tmp_path / "elsewhere/splits.csv")

    again = load_splits("image_folder", tmp_path / "elsewhere/splits.csv")
    assert again.made == ()
    assert [part.fingerprint() for part in again] == [part.fingerprint() for part in splits]


def test_pictures_in_memory_have_no_list(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="in no files"):
        write_list(load_splits("digits"), tmp_path / "splits.csv")


_OF_FILES = st.characters(codec="utf-8", exclude_characters="/\0")
_LETTERS = st.characters(
    codec="utf-8", exclude_characters="/\\\0", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cf")
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(name="\r", label="cat")
@example(name=" a\n\u2028b", label="cat")
@given(name=st.text(_OF_FILES, min_size=1, max_size=12), label=st.text(_LETTERS, min_size=1, max_size=12))
def test_any_name_and_label_survive_a_list(tmp_path: Path, name: str, label: str) -> None:
    files = (tmp_path / f"{name}.png", tmp_path / f"{name}+.png")
    for file in files:
        file.touch()
    train, val = (
        PictureSet(s, (label,), np.zeros(1, np.int32), paths=(f,)) for s, f in zip(("train", "val"), files, strict=True)
    )
    target = tmp_path / "written.csv"

    write_list(Splits(train, val, None), target)

    again = load_splits("image_folder", target)
    assert (again.train.paths, again.val.paths, again.train.classes) == (train.paths, val.paths, (label,))


def test_a_folder_of_many_listed_pictures_is_listed_and_none_of_them_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "img").mkdir()
    names = [f"img{sign}{index}.png" for sign in "/\\" for index in range(100)]
    for index in range(100):
        (tmp_path / f"img/{index}.png").write_bytes(b"x")
    path = listed(tmp_path, [f"{name},cat" for name in names])
    asked: list[object] = []
    monkeypatch.setattr(os, "stat", lambda file, *rest, **options: asked.append(file))

    found = list(files_of(read_entries(path), path))

    assert found == [(str(tmp_path / f"img/{index}.png"), True) for _ in range(2) for index in range(100)]
    assert asked == []


def test_links_and_folders_are_told_from_pictures(tmp_path: Path) -> None:
    (tmp_path / "there.png").write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    for index in range(100):
        (tmp_path / f"link{index}.png").symlink_to("there.png" if index else "nowhere.png")
    names = ["there.png", "folder.png", "missing.png", "no/folder.png", *(f"link{index}.png" for index in range(100))]
    path = listed(tmp_path, [f"{name},cat" for name in names])

    found = [there for _, there in files_of(read_entries(path), path)]

    assert found == [True, False, False, False, False, *[True] * 99]


def test_a_list_in_the_working_folder_finds_what_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(100):
        (tmp_path / f"{index}.png").write_bytes(b"x")
    listed(tmp_path, [f"{index}.png,cat" for index in range(100)])
    monkeypatch.chdir(tmp_path)

    assert all(there for _, there in files_of(read_entries(Path("list.csv")), Path("list.csv")))
