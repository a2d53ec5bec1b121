"""The doctor finds bad pictures and leaks before training does."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common import decode
from common.door import run_door
from common.errors import DataError
from datazoo.doctor.__main__ import main
from datazoo.doctor.check import check_pictures, check_splits
from datazoo.doctor.copies import drop_leaks, leaks_between, log_contradictions, refuse_leaks, unseen_part
from datazoo.sources.splits import load_splits


def write_picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 20, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path.parent)
    for number, split in enumerate(("train", "val", "test")):
        for label, name in enumerate(("a", "b")):
            for index in range(4):
                write_picture(tmp_path / split / name / f"{index}.png", 100 * number + 10 * label + index)
    return tmp_path


def damage(path: Path, kind: str) -> None:
    content = path.read_bytes()
    changed = {
        "empty": b"",
        "text": b"<html>404</html>",
        "half": content[: len(content) // 2],
        "no end": content[:-6],
        "flipped end": content[:-1] + b"\0",
    }
    path.write_bytes(changed[kind])


@pytest.mark.parametrize("kind", ["empty", "text", "half", "no end", "flipped end"])
def test_damaged_pictures_are_found(tmp_path: Path, kind: str) -> None:
    good, bad = write_picture(tmp_path / "good.png", 0), write_picture(tmp_path / "bad.png", 1)
    damage(bad, kind)

    report = check_pictures([good, bad])

    assert [path for path, _ in report.bad] == [bad]
    assert "1 of 2 pictures cannot be decoded" in report.summary()
    assert "bad.png" in report.summary()


def test_truncated_jpeg_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    write_picture(path, 0)
    damage(path, "half")

    assert len(check_pictures([path]).bad) == 1


def test_decompression_bomb_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_picture(tmp_path / "x.png", 0)
    monkeypatch.setattr(decode, "MAX_PIXELS", 399)

    assert "above the limit" in check_pictures([path]).bad[0][1]


def test_a_strip_that_resizing_would_blow_up_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "strip.png"
    Image.new("RGB", (400_000, 1)).save(path)

    assert check_pictures([path]).bad == ()
    assert "too narrow: 102400000x256" in check_pictures([path], resize=256).bad[0][1]


def test_bad_pictures_fail_by_default(dataset: Path) -> None:
    damage(dataset / "val/b/2.png", "half")

    with pytest.raises(DataError, match=r"val: 1 of 8 .*2\.png.*on_bad_image"):
        check_splits(load_splits("image_folder", dataset))


def test_bad_pictures_can_be_left_out(dataset: Path, caplog: pytest.LogCaptureFixture) -> None:
    damage(dataset / "train/a/1.png", "half")

    with caplog.at_level(logging.WARNING):
        splits = check_splits(load_splits("image_folder", dataset), "skip")

    assert splits.train.class_counts() == {"a": 3, "b": 4}
    assert "train: 1 of 8 pictures cannot be decoded" in caplog.text


def test_a_class_without_good_pictures_to_train_on_is_refused(dataset: Path) -> None:
    for path in (dataset / "train/a").iterdir():
        damage(path, "text")

    with pytest.raises(DataError, match=r"train: no picture of a can be decoded: 4 of 8 .*0\.png \(not a picture"):
        check_splits(load_splits("image_folder", dataset), "skip")


def test_a_held_out_class_without_good_pictures_is_said(dataset: Path, caplog: pytest.LogCaptureFixture) -> None:
    for path in (dataset / "val/a").iterdir():
        damage(path, "text")

    splits = check_splits(load_splits("image_folder", dataset), "skip")

    assert splits.val.class_counts() == {"a": 0, "b": 4}
    assert "val: no picture of a is left, which its scores say nothing about" in caplog.text


def test_a_split_without_good_pictures_is_refused(dataset: Path) -> None:
    for path in (dataset / "test").rglob("*.png"):
        damage(path, "text")

    with pytest.raises(DataError, match="test: no picture of a, b can be decoded"):
        check_splits(load_splits("image_folder", dataset), "skip")


def test_copies_are_counted_across_splits(dataset: Path) -> None:
    (dataset / "test/b/0.png").write_bytes((dataset / "train/b/3.png").read_bytes())

    leaks = leaks_between(load_splits("image_folder", dataset))

    assert leaks == {("train", "val"): 0, ("train", "test"): 1, ("val", "test"): 0}


def test_one_picture_in_two_classes_is_said(dataset: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copy(dataset / "train/a/1.png", dataset / "train/b/new.png")
    shutil.copy(dataset / "train/a/1.png", dataset / "train/a/again.png")

    assert log_contradictions(load_splits("image_folder", dataset)) == 2

    assert (
        "2 pictures are byte-identical to one of another class, the first is a/1.png = b/new.png: a label of each is "
        "wrong; python -m datazoo.doctor names them all"
    ) in caplog.text


def test_copies_of_one_class_are_no_contradiction(dataset: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copy(dataset / "train/a/1.png", dataset / "val/a/again.png")

    assert log_contradictions(load_splits("image_folder", dataset)) == 0
    assert caplog.text == ""


def test_healthy_folder_exits_0(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(dataset)]) == 0
    assert "train: 8 pictures, 4 to 4 a class" in capsys.readouterr().out


@pytest.mark.parametrize("trouble", ["bad picture", "leak"])
def test_trouble_exits_1(dataset: Path, trouble: str, capsys: pytest.CaptureFixture[str]) -> None:
    if trouble == "leak":
        (dataset / "test/b/0.png").write_bytes((dataset / "train/b/3.png").read_bytes())
    else:
        damage(dataset / "test/b/0.png", "half")

    assert main([str(dataset)]) == 1


def test_missing_folder_exits_2_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_door(main, [str(tmp_path / "nowhere")]) == 2
    assert "nowhere does not exist" in capsys.readouterr().err


def test_known_leak_of_the_official_split_is_found(shared: Path) -> None:
    splits = load_splits("image_folder", shared / "data/garbage26_official")

    # facts: 190 of the 260 test pictures are byte-identical to a training picture, wherever val was held out of it
    test = set(splits.named("test").content_hashes())
    pool = {*splits.train.content_hashes(), *splits.val.content_hashes()}

    assert sum(digest in pool for digest in splits.named("test").content_hashes()) == 190
    leaks = leaks_between(splits)
    assert leaks["train", "test"] + leaks["val", "test"] == 190
    assert len(test) == 257


def test_clean_split_is_clean(shared: Path) -> None:
    splits = load_splits("image_folder", shared / "data/garbage26_clean")

    assert [len(part) for part in splits] == [2130, 240, 257]
    assert set(leaks_between(splits).values()) == {0}


def leak(dataset: Path) -> None:
    (dataset / "test/b/0.png").write_bytes((dataset / "train/b/3.png").read_bytes())
    (dataset / "val/a/0.png").write_bytes((dataset / "test/a/1.png").read_bytes())


def test_leaks_can_be_dropped_where_they_are_trained_on_or_chosen_with(dataset: Path) -> None:
    leak(dataset)
    splits = load_splits("image_folder", dataset)

    dropped = drop_leaks(splits)

    assert [len(part) for part in dropped] == [7, 7, 8]
    assert set(leaks_between(dropped).values()) == {0}


def test_leaks_can_be_refused(dataset: Path) -> None:
    refuse_leaks(load_splits("image_folder", dataset))
    leak(dataset)

    with pytest.raises(DataError) as caught:
        refuse_leaks(load_splits("image_folder", dataset))

    assert str(caught.value).splitlines()[:2] == [
        "1 of 8 test pictures are copies of train pictures",
        "1 of 8 test pictures are copies of val pictures",
    ]


def test_dropping_all_of_a_class_is_refused(dataset: Path) -> None:
    for index in range(4):
        (dataset / f"test/b/{index}.png").write_bytes((dataset / f"train/b/{index}.png").read_bytes())

    with pytest.raises(DataError, match="leaves class 'b' without a picture in train"):
        drop_leaks(load_splits("image_folder", dataset))


def test_the_unseen_part_of_a_leaking_test_split_has_no_picture_of_train_or_val(dataset: Path) -> None:
    leak(dataset)
    splits = load_splits("image_folder", dataset)
    assert unseen_part(splits) is None  # nobody has said that it leaks

    unseen = unseen_part(replace(splits, leaking=frozenset({"test"})))

    assert unseen is not None
    assert (unseen.split, len(unseen)) == ("test_unseen", 6)
    assert set(leaks_between([splits.train, splits.val, unseen]).values()) == {0}


def test_the_unseen_part_of_a_test_split_that_is_val_too_has_no_picture_of_train(dataset: Path) -> None:
    leak(dataset)
    splits = load_splits("image_folder", dataset)
    marks = frozenset({"test"})
    both = replace(splits, val=splits.named("test"), leaking=marks, chosen_on=marks)

    unseen = unseen_part(both)

    assert unseen is not None
    assert set(leaks_between([splits.train, unseen]).values()) == {0}
