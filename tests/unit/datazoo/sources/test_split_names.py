"""Which sub-folder is taken for which split, and that a name somebody chose is never replaced in silence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from common.errors import DataError
from datazoo.doctor.__main__ import main as doctor
from datazoo.sources.splits import SplitChoice, load_splits


def write_splits(root: Path, *names: str) -> Path:
    for place, name in enumerate(names):
        for label in ("cat", "dog"):
            (root / name / label).mkdir(parents=True)
            for index in range(5):
                Image.new("RGB", (4, 4), (place, index, ord(label[0]))).save(
                    root / name / label / f"{label}{index}.png"
                )
    return root


@pytest.mark.parametrize("name", ["valid", "validation", "Val", "VALID", "dev", "Dev", "eval"])
def test_another_spelling_of_val_is_taken_for_it_and_said(tmp_path: Path, name: str) -> None:
    write_splits(tmp_path, "train", name, "test")

    splits = load_splits("image_folder", tmp_path)

    assert [len(part) for part in splits] == [10, 10, 10]
    assert splits.folders == {"train_split": "train", "val_split": name, "test_split": "test"}
    assert splits.notes[0] == f"val: no folder val, taking {tmp_path / name} for it"


@pytest.mark.parametrize(
    "names",
    [
        ("Train", "Val", "Test"),
        ("training", "validation", "testing"),
        ("train_set", "val-set", "test set"),
        ("train2017", "val2017", "test2017"),
        ("TrainImages", "ValImages", "TestImages"),
        ("训练集", "验证集", "测试集"),
    ],
)
def test_another_spelling_of_every_split_is_taken(tmp_path: Path, names: tuple[str, str, str]) -> None:
    splits = load_splits("image_folder", write_splits(tmp_path, *names))
    assert tuple(splits.folders.values()) == names
    assert len(splits.notes) == 4


def test_a_val_that_is_nowhere_is_held_out_of_train(tmp_path: Path) -> None:
    splits = load_splits("image_folder", write_splits(tmp_path, "train", "test"))
    assert splits.folders["val_split"] is None
    assert len(splits.train) + len(splits.val) == 10
    said = f"no folder {tmp_path / 'val'}: 2 of 10 train pictures held out as val, by class"
    assert any(note.startswith(said) for note in splits.notes)


def test_an_empty_name_is_no_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.train_split: split folder"):
        load_splits("image_folder", write_splits(tmp_path, "train", "test"), SplitChoice(train_split=""))


def test_null_holds_out_though_there_is_a_folder(tmp_path: Path) -> None:
    splits = load_splits("image_folder", write_splits(tmp_path, "train", "val", "test"), SplitChoice(val_split=None))
    assert len(splits.train) == 8
    assert splits.folders["val_split"] is None


@pytest.mark.parametrize(
    ("split", "chosen"), [("vaild", ()), ("val", ("val_split",)), ("dev", ()), ("Valid", ("val_split",))]
)
def test_a_chosen_name_that_is_not_there_is_refused(tmp_path: Path, split: str, chosen: tuple[str, ...]) -> None:
    write_splits(tmp_path, "train", "valid", "test")
    with pytest.raises(DataError) as caught:
        load_splits("image_folder", tmp_path, SplitChoice(val_split=split, chosen=chosen))
    said = str(caught.value)
    assert said.startswith(
        f"data.val_split: split folder {tmp_path / split} does not exist; {tmp_path} has test, train"
    )
    assert "null holds val out of train" in said
    assert ("did you mean 'valid'?" in said) == (split != "dev")


@pytest.mark.parametrize("key", ["train_split", "test_split"])
def test_a_chosen_train_or_test_that_is_not_there_is_refused(tmp_path: Path, key: str) -> None:
    write_splits(tmp_path, "training", "testing")
    with pytest.raises(DataError, match=f"data.{key}: split folder .* does not exist; .* has testing, training"):
        load_splits("image_folder", tmp_path, SplitChoice(chosen=(key,)))


def test_no_test_split_is_said_and_none_is_made_beside_a_val(tmp_path: Path) -> None:
    splits = load_splits("image_folder", write_splits(tmp_path, "train", "val"))

    assert [part.split for part in splits] == ["train", "val"]
    assert "no test split: val chooses the checkpoint, so its score is a validation score and no test score" in (
        splits.notes
    )
    with pytest.raises(DataError, match=r"have no test split; --split val"):
        splits.named("test")


def test_a_test_split_is_made_beside_a_val_if_its_share_is_given(tmp_path: Path) -> None:
    splits = load_splits("image_folder", write_splits(tmp_path, "train", "val"), SplitChoice(test_fraction=0.4))
    assert [len(part) for part in splits] == [6, 10, 4]


def test_two_spellings_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    write_splits(tmp_path, "train", "valid", "dev", "test")
    with pytest.raises(DataError, match=r"dev, valid may each be the val split; set data.val_split to one of them"):
        load_splits("image_folder", tmp_path)
    assert load_splits("image_folder", tmp_path, SplitChoice(val_split="dev")).folders["val_split"] == "dev"


def test_a_split_of_its_own_name_comes_first_and_the_others_are_named(tmp_path: Path) -> None:
    splits = load_splits("image_folder", write_splits(tmp_path, "train", "val", "valid", "test"))
    assert splits.folders["val_split"] == "val"
    assert splits.notes[0] == f"val: {tmp_path / 'val'}, and not valid; data.val_split chooses"


def test_a_chosen_name_may_lead_further_down(tmp_path: Path) -> None:
    write_splits(tmp_path, "train", "more/valid", "test")
    assert (
        load_splits("image_folder", tmp_path, SplitChoice(val_split="more/valid")).folders["val_split"] == "more/valid"
    )


def test_the_doctor_says_what_a_recipe_would_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path.parent)
    write_splits(tmp_path, "train", "valid", "test")

    assert doctor([str(tmp_path)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"val: no folder val, taking {tmp_path / 'valid'} for it"
    assert [line.split(":")[0] for line in lines if " a class" in line] == ["train", "valid", "test"]


def test_the_doctor_does_not_pass_a_choice_that_a_recipe_has_to_make(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path.parent)
    assert doctor([str(write_splits(tmp_path, "train", "valid", "dev", "test"))]) == 1
    assert "set data.val_split to one of them" in capsys.readouterr().out


@pytest.mark.parametrize("is_there", [True, False])
def test_a_class_that_a_brought_split_lacks_is_said_and_not_refused(tmp_path: Path, is_there: bool) -> None:
    root = write_splits(tmp_path, "train", "val", "test")
    shutil.rmtree(root / "val/dog")
    if is_there:
        (root / "val/dog").mkdir()

    splits = load_splits("image_folder", root)

    assert splits.val.class_counts() == {"cat": 5, "dog": 0}
    assert "val: no picture of dog, which its scores say nothing about" in splits.notes


def test_pictures_without_labels_are_no_test_split(tmp_path: Path) -> None:
    root = write_splits(tmp_path, "train", "val")
    (root / "test").mkdir()
    Image.new("RGB", (4, 4)).save(root / "test/1.png")

    with pytest.raises(
        DataError, match=r"test: 1 pictures in .*/test lie in no class folder.*\nmove the folder .*predict\.py"
    ):
        load_splits("image_folder", root)


@pytest.mark.parametrize("name", ["__MACOSX", "@eaDir", "lost+found", ".ipynb_checkpoints"])
def test_a_folder_of_the_system_is_no_class(tmp_path: Path, name: str) -> None:
    root = write_splits(tmp_path, "train", "val", "test")
    (root / "train" / name).mkdir()
    (root / name).mkdir()

    assert load_splits("image_folder", root).train.classes == ("cat", "dog")
