"""A folder of class folders: splits are made, by class, with all pictures of a photo on one side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from common.errors import DataError
from datazoo.photos.groups import photo_groups
from datazoo.pictures import PictureSet, Splits
from datazoo.sources.splits import SplitChoice, load_splits


def photo(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(noise).resize((96, 72), Image.Resampling.BICUBIC)


def write_flat(
    root: Path, photos: int, copies: int = 1, classes: tuple[str, ...] = ("cat", "dog"), start: int = 0
) -> Path:
    """`photos` photos a class, each with mirrored copies of its own name."""
    for place, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for index in range(photos):
            picture = photo(start + 1000 * place + index)
            for copy in range(copies):
                (picture if copy % 2 == 0 else ImageOps.mirror(picture)).save(root / name / f"{index}_{copy}.png")
    return root


def names(part: PictureSet) -> set[str]:
    return {str(path) for path in part.paths or ()}


def assert_no_photo_on_two_sides(splits: Splits) -> None:
    parts = list(splits)
    paths = tuple(path for part in parts for path in part.paths or ())
    labels = np.concatenate([part.labels for part in parts])
    groups = photo_groups(PictureSet("all", splits.train.classes, labels, paths=paths))
    sides = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    assert all(len(set(sides[groups == group])) == 1 for group in set(groups.tolist()))


def test_a_flat_folder_gets_all_three_splits(tmp_path: Path) -> None:
    splits = load_splits("image_folder", write_flat(tmp_path, photos=20))

    assert [part.class_counts() for part in splits] == [
        {"cat": 14, "dog": 14},
        {"cat": 2, "dog": 2},
        {"cat": 4, "dog": 4},
    ]
    assert splits.made == ("val", "test")
    assert any("has no split folders: 4 of 40 train pictures held out as val and 8 as test" in n for n in splits.notes)


def test_every_picture_is_in_one_split_and_all_of_a_photo_in_the_same(tmp_path: Path) -> None:
    splits = load_splits("image_folder", write_flat(tmp_path, photos=10, copies=4))

    assert len(set.union(*map(names, splits))) == sum(map(len, splits)) == 80
    assert_no_photo_on_two_sides(splits)


def test_the_same_seed_makes_the_same_splits_and_another_makes_others(tmp_path: Path) -> None:
    write_flat(tmp_path, photos=10)

    first, again, other = (
        load_splits("image_folder", tmp_path, SplitChoice(split_seed=seed)).named("test") for seed in (0, 0, 1)
    )

    assert first.paths == again.paths
    assert first.paths != other.paths


@pytest.mark.parametrize("photos", [5, 4, 3])
def test_few_pictures_a_class_still_make_three_splits(tmp_path: Path, photos: int) -> None:
    splits = load_splits("image_folder", write_flat(tmp_path, photos))

    assert [part.class_counts()["cat"] for part in splits] == [photos - 2, 1, 1]


def test_a_class_of_two_photos_is_not_in_test_and_that_is_said(tmp_path: Path) -> None:
    write_flat(tmp_path, photos=5)
    write_flat(tmp_path, photos=2, classes=("owl",), start=5000)

    splits = load_splits("image_folder", tmp_path)

    assert [part.class_counts()["owl"] for part in splits] == [1, 1, 0]
    assert "test: no picture of owl, which its scores say nothing about" in splits.notes


def test_where_every_class_has_two_photos_there_is_no_test_split_and_that_is_said(tmp_path: Path) -> None:
    splits = load_splits("image_folder", write_flat(tmp_path, photos=2))

    assert splits.test is None
    assert splits.made == ("val",)
    assert "every class has too few photos to hold any out as test (4 photos)" in splits.notes
    assert any("2 of 4 train pictures held out as val, by class" in note for note in splits.notes)


def test_a_class_of_one_photo_is_refused(tmp_path: Path) -> None:
    write_flat(tmp_path, photos=1, copies=5)

    with pytest.raises(DataError, match=r"class 'cat' has 1 distinct picture\(s\) among 5; a hold-out needs at least"):
        load_splits("image_folder", tmp_path)


def test_a_class_that_only_copies_another_is_refused(tmp_path: Path) -> None:
    write_flat(tmp_path, photos=5)
    write_flat(tmp_path, photos=5, classes=("owl",))

    with pytest.raises(DataError, match="class 'owl': every picture is a copy of another class's"):
        load_splits("image_folder", tmp_path)


def test_what_was_found_loads_the_same_splits_again(tmp_path: Path) -> None:
    splits = load_splits("image_folder", write_flat(tmp_path, photos=10))
    kept = {key: value for key, value in splits.folders.items() if key.endswith("split")}
    share = splits.folders["test_fraction"]
    assert isinstance(share, float)

    again = load_splits("image_folder", tmp_path, SplitChoice(**kept, test_fraction=share, chosen=tuple(kept)))  # type: ignore[arg-type]

    assert [part.paths for part in again] == [part.paths for part in splits]


def test_no_test_split_on_demand(tmp_path: Path) -> None:
    splits = load_splits("image_folder", write_flat(tmp_path, photos=10), SplitChoice(test_fraction=0))

    assert [part.split for part in splits] == ["train", "val"]


def test_a_folder_around_the_data_set_is_no_hindrance(tmp_path: Path) -> None:
    write_flat(tmp_path / "flowers/data", photos=5)

    splits = load_splits("image_folder", tmp_path)

    assert splits.train.classes == ("cat", "dog")
    assert splits.notes[0] == f"{tmp_path} holds one folder: taking {tmp_path / 'flowers/data'}"


def test_a_folder_around_split_folders_is_found_again_by_the_names_that_a_run_keeps(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_flat(tmp_path / "flowers" / split, photos=3)
    kept = ("train_split", "val_split", "test_split")

    assert len(load_splits("image_folder", tmp_path, SplitChoice(chosen=kept)).train) == 6


def test_one_split_of_several_is_taken_with_a_word(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_flat(tmp_path / split, photos=5)

    notes = load_splits("image_folder", tmp_path / "train").notes

    assert any(f"test, train lie side by side: --data.path {tmp_path} takes them all" in note for note in notes)


def test_pictures_beside_the_class_folders_are_counted(tmp_path: Path) -> None:
    write_flat(tmp_path, photos=5)
    photo(7).save(tmp_path / "cover.png")

    assert (
        f"1 pictures in {tmp_path} are in no class folder and left out" in load_splits("image_folder", tmp_path).notes
    )


def test_pictures_and_broken_links_beside_the_classes_of_a_split_are_said(tmp_path: Path) -> None:
    write_flat(tmp_path / "train", photos=5)
    photo(7).save(tmp_path / "train/cover.png")
    (tmp_path / "train/fox").symlink_to(tmp_path / "nowhere")

    notes = load_splits("image_folder", tmp_path).notes

    assert f"1 pictures in {tmp_path / 'train'} are in no class folder and left out" in notes
    assert "train: 1 dangling links left out: fox" in notes


def test_a_class_folder_says_one_level_too_deep(tmp_path: Path) -> None:
    write_flat(tmp_path, photos=5)

    with pytest.raises(DataError, match=f"no class folders\nit holds pictures itself: .*try {tmp_path}; .*a list"):
        load_splits("image_folder", tmp_path / "cat")


def test_a_folder_of_data_sets_says_one_level_too_high(tmp_path: Path) -> None:
    write_flat(tmp_path / "animals", photos=5)
    write_flat(tmp_path / "plants", photos=5)

    with pytest.raises(DataError, match=f"one level too high.*try {tmp_path / 'animals'}$"):
        load_splits("image_folder", tmp_path)


def test_an_empty_folder_says_what_counts_as_a_picture(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"no class folders\na folder a class, .* pictures end in \.avif, \.bmp, \.gif, \.jfif, \.jpe, \.jpeg",
    ):
        load_splits("image_folder", tmp_path)
