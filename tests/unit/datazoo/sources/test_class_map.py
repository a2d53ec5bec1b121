"""Folders of pictures get the labels of the network that somebody else trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from common.errors import DataError
from datazoo.sources.class_map import load_mapped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ant", "bee"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "pictures" / name / "1.png")
    return tmp_path / "pictures"


def written(tmp_path: Path, name: str, text: str) -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_as_many_folders_as_classes_are_the_classes_in_order(folder: Path) -> None:
    pictures = load_mapped(folder, 2, None)
    assert pictures.classes == ("ant", "bee")
    assert pictures.labels.tolist() == [0, 1]


def test_a_table_gives_the_index_of_a_folder(folder: Path, tmp_path: Path) -> None:
    pictures = load_mapped(folder, 4, written(tmp_path, "map.csv", "folder,class\nbee,1\nant,3\nwasp,2\n"))
    assert pictures.labels.tolist() == [3, 1]
    assert pictures.classes == ("class 0", "bee", "class 2", "ant")


def test_a_list_of_names_finds_a_folder_by_any_of_them(folder: Path, tmp_path: Path) -> None:
    names = "cat\nEmmet, Ant, pismire\nbee\n"
    assert load_mapped(folder, 3, written(tmp_path, "names.txt", names)).labels.tolist() == [1, 2]


def test_too_few_folders_without_a_map_say_what_a_map_is(folder: Path) -> None:
    with pytest.raises(DataError, match=r"2 class folders, the network 1000 classes.*--class_map FILE\n.*folder,class"):
        load_mapped(folder, 1000, None)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.csv", "ant,0\nbee,1\n", "the first line has to be folder,class"),
        ("m.csv", "folder,class\nant,0\nbee,x\n", r"m\.csv:3: not a folder and an index: bee,x"),
        ("m.csv", "folder,class\nant,0\n", "no class for folder 'bee'"),
        ("m.csv", "folder,class\nant,0\nbee,7\n", "'bee' is class 7, the network has 0 to 2"),
        ("m.csv", "folder,class\nant,1\nbee,1\n", "folder 'bee' has the class of another folder"),
        ("m.txt", "ant\nbee\n", "2 lines, the network has 3 classes"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(folder: Path, tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_mapped(folder, 3, written(tmp_path, name, text))


def test_a_map_or_a_folder_that_is_not_there_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"class map .*gone\.csv cannot be read"):
        load_mapped(folder, 3, tmp_path / "gone.csv")
    with pytest.raises(DataError, match="gone does not exist; --pictures names a folder of class folders"):
        load_mapped(tmp_path / "gone", 3, None)
