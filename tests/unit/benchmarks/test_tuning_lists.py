from pathlib import Path

import pytest

from benchmarks.tuning_lists import cells, few_a_class, signs


@pytest.fixture
def hands(tmp_path: Path) -> Path:
    """Forty students show 0 to 9 in a row of file numbers, with a gap of one behind each."""
    for student in range(40):
        for digit in range(10):
            path = tmp_path / str(digit) / f"IMG_{1000 + 11 * student + digit}.JPG"
            path.parent.mkdir(exist_ok=True)
            path.touch()
    return tmp_path


def test_no_hand_is_in_both_splits(hands: Path) -> None:
    of = {split: {(int(line.path.stem[4:]) - 1000) // 11 for line in signs(hands) if line.split == split}
          for split in ("train", "val")}  # fmt: skip
    assert of["train"]
    assert of["val"]
    assert not of["train"] & of["val"]


def test_as_many_pictures_of_each_class_train(hands: Path) -> None:
    lines = few_a_class(signs(hands), shots=7, val=11)
    labels = [line.label for line in lines if line.split == "train"]
    assert {label: labels.count(label) for label in labels} == {str(digit): 7 for digit in range(10)}
    assert sum(line.split == "val" for line in lines) == 11


def test_no_training_cell_is_close_to_a_held_out_one(tmp_path: Path) -> None:
    rows = [f"images/cell{number:04d}.png  {float(number % 2)}  mono" for number in range(700)]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    lines = cells(tmp_path)
    numbers = {split: [int(line.path.stem[4:]) for line in lines if line.split == split] for split in ("train", "val")}
    assert min(abs(a - b) for a in numbers["train"] for b in numbers["val"]) > 6
