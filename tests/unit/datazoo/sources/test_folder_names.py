"""Class folders whose names could not be shown are refused before any work; picture files may have any name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from common.errors import DataError
from datazoo.doctor.check import check_splits
from datazoo.sources.splits import SplitChoice, load_splits

GBK_DOG = "狗".encode("gbk").decode("utf-8", "surrogateescape")


def write(root: Path, name: str) -> Path:
    for place, split in enumerate(("train", "val", "test")):
        for label in ("cat", name):
            (root / split / label).mkdir(parents=True)
            for index in range(3):
                Image.new("RGB", (4, 4), (place, index, ord(label[0]))).save(root / split / label / f"{index}.png")
    return root


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (GBK_DOG, r"the name of class folder '\xb9\xb7' (GBK: 狗) is not UTF-8; rename it (convmv"),
        ("do\ng", r"the name of class folder 'do\ng' holds \n"),
        ("dog\u202e", r"the name of class folder 'dog\u202e' holds \u202e (right-to-left override)"),
        ("dog ", "the name of class folder 'dog ' begins or ends with a blank"),
        ("\u3000", "the name of class folder '\u3000' is empty"),
    ],
)
def test_a_class_folder_that_cannot_be_shown_is_refused_with_its_place(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        load_splits("image_folder", write(tmp_path, name))
    assert f"{tmp_path / 'train'}: {says}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["狗", "a dog", "#1", "=dog", "- dog", "it's", '"dog"', "null", "a,b", "d\u200dog"])
def test_every_other_name_is_a_class(tmp_path: Path, name: str) -> None:
    assert set(load_splits("image_folder", write(tmp_path, name)).train.classes) == {"cat", name}


@pytest.mark.parametrize("name", ["do\tg", "dog\u200f", GBK_DOG, " dog", ""])
def test_a_class_list_is_judged_by_the_same_rule(tmp_path: Path, name: str) -> None:
    write(tmp_path, "dog")
    with pytest.raises(DataError, match=r"^data\.classes: class '"):
        load_splits("image_folder", tmp_path, SplitChoice(classes=("cat", name)))


def test_a_class_file_is_judged_by_the_same_rule(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\nd\u202eog\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"names\.txt: class 'd\\u202eog' holds"):
        load_splits("image_folder", write(tmp_path, "dog"), SplitChoice(classes_file=tmp_path / "names.txt"))


def test_picture_files_may_have_names_that_are_not_utf8(tmp_path: Path) -> None:
    write(tmp_path, "dog")
    shutil.move(tmp_path / "train/dog/0.png", tmp_path / "train/dog" / f"{GBK_DOG}\n.png")

    splits = check_splits(load_splits("image_folder", tmp_path))

    assert len(splits.train) == 6
    assert len(splits.train.file_list_hash()) == 64


def test_a_damaged_picture_of_such_a_name_is_named_on_one_line(tmp_path: Path) -> None:
    write(tmp_path, "dog")
    (tmp_path / "train/dog" / f"{GBK_DOG}\n.png").write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:
        check_splits(load_splits("image_folder", tmp_path))
    assert r"train/dog/\xb9\xb7\n.png (not a picture)" in str(caught.value)
