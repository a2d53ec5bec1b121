from pathlib import Path

import numpy as np
import pytest

from common.errors import DataError
from datazoo.pictures import PictureSet, Splits
from datazoo.sources.split_links import write_links
from datazoo.sources.splits import SplitChoice, load_splits
from tests.unit.engine.jobs.test_split_folders import write_data


def real(pictures: PictureSet | None) -> list[tuple[str, str]]:
    """Where each picture really lies, and its class."""
    assert pictures is not None
    assert pictures.paths is not None
    names = [pictures.classes[label] for label in pictures.labels]
    return sorted((str(path.resolve()), name) for path, name in zip(pictures.paths, names, strict=True))


def load(path: Path) -> Splits:
    return load_splits("image_folder", path, SplitChoice(), lambda pictures: pictures)


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    """Made of a flat folder."""
    return load(write_data(tmp_path, "photos") / "photos")


def test_the_folder_reads_back_to_the_same_splits(splits: Splits, tmp_path: Path) -> None:
    assert write_links(splits, tmp_path / "linked") == 8
    again = load(tmp_path / "linked")
    assert [real(part) for part in again] == [real(part) for part in splits]
    assert again.made == ()


def test_pictures_of_one_name_from_several_folders_are_all_linked(tmp_path: Path) -> None:
    paths = []
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png").write_bytes(folder.encode())
        paths.append(tmp_path / folder / "1.png")
    one = PictureSet("train", ("cat", "dog"), np.array([0, 0, 1], np.int32), paths=tuple(paths))
    write_links(Splits(one, one, None), tmp_path / "linked")
    assert {path.read_bytes() for path in (tmp_path / "linked/train/cat").iterdir()} == {b"a", b"b"}


def test_links_lead_to_the_picture_itself_and_outlive_a_move(splits: Splits, tmp_path: Path) -> None:
    write_links(splits, tmp_path / "linked")
    moved = (tmp_path / "linked").rename(tmp_path / "elsewhere")
    links = [path for path in moved.rglob("*") if path.is_symlink()]
    assert len(links) == 8
    assert all(link.is_file() and not link.readlink().is_symlink() for link in links)


def test_a_folder_that_holds_something_is_left_alone(splits: Splits, tmp_path: Path) -> None:
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty; name a new folder"):
        write_links(splits, tmp_path / "linked")
    assert [path.name for path in (tmp_path / "linked").iterdir()] == ["mine.txt"]


def test_a_class_that_is_no_folder_name_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    one = PictureSet("train", ("a/b", "dog"), np.array([0], np.int32), paths=(tmp_path / "1.png",))
    with pytest.raises(DataError, match=r"class 'a/b' cannot name a folder; write a list: --write_split splits\.csv"):
        write_links(Splits(one, one, None), tmp_path / "linked")
    assert not (tmp_path / "linked").exists()


def test_pictures_in_memory_cannot_be_linked(tmp_path: Path) -> None:
    one = PictureSet("train", ("a", "b"), np.array([0], np.int32), arrays=np.zeros((1, 8, 8, 1), np.uint8))
    with pytest.raises(DataError, match="in no files of their own"):
        write_links(Splits(one, one, None), tmp_path / "linked")
    assert not list(tmp_path.iterdir())
