"""Sources give the published counts, and say what is wrong with what they are pointed at."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import DataError
from datazoo.doctor.copies import leaks_between
from datazoo.pictures import PictureSet
from datazoo.sources.holdout import hold_out
from datazoo.sources.mnist import read_idx
from datazoo.sources.splits import SplitChoice, load_splits


def write_idx(path: Path, values: np.ndarray) -> None:
    content = struct.pack(">HBB", 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_mnist(folder: Path, mark: str = "-", end: str = "") -> None:
    rng = np.random.default_rng(0)
    for prefix, count in (("train", 100), ("t10k", 20)):
        write_idx(folder / f"{prefix}-images{mark}idx3-ubyte{end}", rng.integers(0, 256, (count, 28, 28), np.uint8))
        write_idx(folder / f"{prefix}-labels{mark}idx1-ubyte{end}", np.arange(count, dtype=np.uint8) % 10)


def write_folder(root: Path, counts: dict[str, int], start: int = 0) -> None:
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            start += 1
            Image.new("RGB", (4, 4), (start % 256, start // 256, 7)).save(root / name / f"{index}.png")


@pytest.fixture
def garbage(tmp_path: Path) -> Path:
    write_folder(tmp_path / "train", {"Cans": 10, "Paint bucket": 10})
    write_folder(tmp_path / "test", {"Cans": 2, "Paint bucket": 3}, start=1000)
    return tmp_path


def test_digits_are_all_there_and_stratified() -> None:
    splits = load_splits("digits")

    assert sum(map(len, splits)) == 1797
    assert len(splits.named("test")) == pytest.approx(0.2 * 1797, rel=0.02)
    assert all(min(part.class_counts().values()) >= 0.09 * len(part) for part in splits)
    assert splits.train.arrays is not None
    assert splits.train.arrays.max() == 255


def test_digits_splits_depend_on_the_split_seed_only() -> None:
    assert load_splits("digits").named("test").fingerprint() == load_splits("digits").named("test").fingerprint()
    assert (
        load_splits("digits").named("test").fingerprint()
        != load_splits("digits", choice=SplitChoice(split_seed=1)).named("test").fingerprint()
    )


@pytest.mark.parametrize(("mark", "end"), [("-", ""), ("-", ".gz"), (".", ""), (".", ".gz")])
def test_mnist_is_found_under_every_name(tmp_path: Path, mark: str, end: str) -> None:
    write_mnist(tmp_path, mark, end)

    splits = load_splits("mnist", tmp_path, SplitChoice(val_fraction=0.2))

    assert [len(part) for part in splits] == [80, 20, 20]
    assert set(splits.val.class_counts().values()) == {2}


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("kept", [0, 3, 6, 200, -1])
def test_truncated_idx_is_refused(tmp_path: Path, end: str, kept: int) -> None:
    path = tmp_path / f"x-idx3-ubyte{end}"
    write_idx(path, np.random.default_rng(0).integers(0, 256, (10, 28, 28), np.uint8))
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(DataError, match=r"x-idx3-ubyte.*again"):
        read_idx(path)


def test_real_mnist_has_its_published_statistics(shared: Path) -> None:
    splits = load_splits("mnist", shared / "data/mnist")

    assert len(splits.train) + len(splits.val) == 60_000
    assert len(splits.named("test")) == 10_000
    assert splits.train.arrays is not None
    assert splits.train.arrays.mean() / 255 == pytest.approx(0.1307, abs=5e-4)
    assert splits.train.arrays.std() / 255 == pytest.approx(0.3081, abs=5e-4)


def test_missing_mnist_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        load_splits("mnist", tmp_path)


def test_classes_are_sorted_or_as_given(garbage: Path) -> None:
    given = ("Paint bucket", "Cans")

    assert load_splits("image_folder", garbage).train.classes == ("Cans", "Paint bucket")
    assert load_splits("image_folder", garbage, SplitChoice(classes=given)).named("test").class_counts() == {
        "Paint bucket": 3,
        "Cans": 2,
    }


def test_class_file_gives_the_order(garbage: Path) -> None:
    names = garbage / "names.txt"
    names.write_text("\ufeffPaint bucket\n\nCans\n", encoding="utf-8")

    assert load_splits("image_folder", garbage, SplitChoice(classes_file=names)).train.classes == (
        "Paint bucket",
        "Cans",
    )


def test_gbk_class_file_says_so(garbage: Path) -> None:
    names = garbage / "names.txt"
    names.write_bytes("油漆桶".encode("gbk"))

    with pytest.raises(DataError, match="not UTF-8"):
        load_splits("image_folder", garbage, SplitChoice(classes_file=names))


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("Cans", "Paint Bucket"), "did you mean 'Paint bucket'"),
        (("Cans",), "Paint bucket is not in the class list"),
        (("Cans", "Cans", "Paint bucket"), "listed more than once"),
    ],
)
def test_class_lists_that_contradict_the_folders_are_refused(garbage: Path, classes: tuple, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_splits("image_folder", garbage, SplitChoice(classes=classes))


def test_missing_split_names_what_is_there(garbage: Path) -> None:
    with pytest.raises(DataError, match=r"trian does not exist; .*test, train"):
        load_splits("image_folder", garbage, SplitChoice(train_split="trian"))


def test_empty_class_is_refused(garbage: Path) -> None:
    (garbage / "train/Cans2").mkdir()

    with pytest.raises(DataError, match="'Cans2' has no pictures"):
        load_splits("image_folder", garbage)


def test_what_is_left_out_is_counted_in_one_note(garbage: Path) -> None:
    (garbage / "train/Cans/.DS_Store").touch()
    (garbage / "train/Cans/readme.txt").touch()
    (garbage / "train/Cans/gone.jpg").symlink_to(garbage / "nowhere.jpg")

    notes = load_splits("image_folder", garbage).notes

    assert any("2 entries" in note and "1 hidden" in note and "1 .txt" in note for note in notes)
    assert any("1 dangling" in note and "Cans/gone.jpg" in note for note in notes)


def test_val_is_held_out_of_train_with_a_note(garbage: Path) -> None:
    splits = load_splits("image_folder", garbage, SplitChoice(val_fraction=0.2))

    assert splits.val.class_counts() == {"Cans": 2, "Paint bucket": 2}
    assert len(splits.train) == 16
    assert any("4 of 20 train pictures held out" in note for note in splits.notes)


def test_existing_val_is_used(garbage: Path) -> None:
    write_folder(garbage / "val", {"Cans": 1, "Paint bucket": 1}, start=2000)

    splits = load_splits("image_folder", garbage)

    assert (len(splits.train), len(splits.val)) == (20, 2)


@pytest.mark.parametrize("seed", range(5))
def test_hold_out_never_separates_copies(seed: int) -> None:
    rng = np.random.default_rng(seed)
    distinct = rng.integers(0, 256, (40, 2, 2, 1), np.uint8)
    which = rng.integers(0, 40, 200)
    pictures = PictureSet("train", ("a", "b"), (which % 2).astype(np.int32), arrays=distinct[which])

    rest, held = hold_out(pictures, 0.2, seed, "val")

    assert leaks_between([rest, held]) == {("train", "val"): 0}
    assert len(rest) + len(held) == 200
    assert min(held.class_counts().values()) > 0


def test_hold_out_of_the_real_leaking_set_does_not_leak(shared: Path) -> None:
    splits = load_splits("image_folder", shared / "data/garbage26_official")

    leaks = leaks_between(splits)

    assert leaks["train", "val"] == 0
    assert len(splits.train) + len(splits.val) == 2593


def test_fingerprint_sees_pixels_labels_and_order(garbage: Path) -> None:
    train = load_splits("image_folder", garbage).train
    before, listed = train.fingerprint(), train.file_list_hash()
    assert train.subset(reversed(range(len(train)))).fingerprint() != before

    assert train.paths is not None
    Image.new("RGB", (4, 4), "red").save(train.paths[0])

    again = load_splits("image_folder", garbage).train  # one object reads its files once
    assert again.fingerprint() != before
    assert again.file_list_hash() == listed
