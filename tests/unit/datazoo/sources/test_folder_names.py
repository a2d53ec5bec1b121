"""Class folders whose names could not be shown are refused before any work; picture files may have any name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from common.errors import DataError
from datazoo.doctor.__main__ import main as doctor
from datazoo.doctor.check import check_splits
from datazoo.doctor.inventory import take_inventory
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


def write_class(folder: Path, *pixel: int) -> None:
    folder.mkdir(parents=True)
    for index in range(5):
        Image.new("RGB", (4, 4), (*pixel, index)).save(folder / f"{index}.png")


def test_a_class_is_one_however_its_letters_are_written(tmp_path: Path) -> None:
    for place, (split, name) in enumerate((("train", "caf\u00e9"), ("val", "cafe\u0301"), ("test", "caf\u00e9"))):
        write_class(tmp_path / split / name, place, 0)
        write_class(tmp_path / split / "dog", place, 1)

    splits = load_splits("image_folder", tmp_path)

    assert splits.train.classes == ("caf\u00e9", "dog")
    assert [len(part) for part in splits] == [10, 10, 10]
    assert take_inventory(tmp_path, tmp_path).classes["val"] == ("caf\u00e9", "dog")


def test_two_folders_of_one_name_are_refused(tmp_path: Path) -> None:
    for place, name in enumerate(("caf\u00e9", "cafe\u0301", "dog")):
        write_class(tmp_path / name, place, 0)

    with pytest.raises(DataError, match=r"two class folders are called 'café', written as different characters"):
        load_splits("image_folder", tmp_path)


def test_classes_that_are_perhaps_one_are_named(tmp_path: Path) -> None:
    for place, name in enumerate(("Big cat", "big_cat", "dog", "-1", "1")):
        write_class(tmp_path / name, place, 0)

    notes = load_splits("image_folder", tmp_path).notes

    assert "classes that differ in case or blanks alone, are they one? Big cat and big_cat" in notes


@pytest.mark.parametrize("names", [("train", "bus"), ("test", "bus"), ("val", "bus"), ("train", "test", "bus")])
def test_a_class_called_like_a_split_says_how_to_train_it(tmp_path: Path, names: tuple[str, ...]) -> None:
    for place, name in enumerate(names):
        write_class(tmp_path / name, place, 0)
    said = (
        rf"is {min(names[:-1])} a class, as its neighbours in .* are\? rename it, or say that no folder is a split: "
        "--data.train_split . --data.val_split null --data.test_split null"
    )

    with pytest.raises(DataError, match=said):
        load_splits("image_folder", tmp_path)
    splits = load_splits("image_folder", tmp_path, SplitChoice(train_split=".", val_split=None, test_split=None))
    assert splits.train.classes == tuple(sorted(names))


def test_the_doctor_asks_too_where_it_finds_nothing_but_a_class_called_train(tmp_path: Path) -> None:
    for place, name in enumerate(("train", "bus")):
        write_class(tmp_path / name, place, 0)

    with pytest.raises(DataError, match=r"is train a class, as its neighbours"):
        doctor([str(tmp_path), "--output", str(tmp_path / "seen")])


def test_a_class_that_train_lacks_is_named_with_its_split(tmp_path: Path) -> None:
    write(tmp_path, "dog")
    write_class(tmp_path / "val/dogs", 9, 9)

    with pytest.raises(DataError, match=r"val: .*/val/dogs is none of the 2 classes of train; .*did you mean 'dog'\?"):
        load_splits("image_folder", tmp_path)


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
