"""The table of ways counts what it is given, and a way that answers differently does not pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import every_way
from benchmarks.every_way import Way, counted, parse, problems, table

LABELS = {"00000": "cat", "00001": "dog", "00002": "a dog, asleep"}
BY_ONNX = {
    "00000": (("cat", 0.9), ("dog", 0.1)),
    "00001": (("cat", 0.6), ("dog", 0.4)),
    "00002": (("a dog, asleep", 0.7), ("cat", 0.2)),
}
ONNX = counted("onnx", BY_ONNX, LABELS)


def test_right_answers_are_those_whose_best_class_is_the_label() -> None:
    assert (ONNX.n, ONNX.correct) == (3, 2)


@pytest.mark.parametrize(
    "printed",
    ["97.25 %  a dog, asleep\n2.75 %  cat\n", " 97.25%  a dog, asleep\n  2.75%  cat\n"],
    ids=["cpp", "python"],
)
def test_what_both_clients_print_is_read(printed: str) -> None:
    labels, probabilities = zip(*parse(printed), strict=True)

    assert labels == ("a dog, asleep", "cat")
    np.testing.assert_allclose(probabilities, (0.9725, 0.0275))


def test_small_numbers_of_the_cpp_client_are_read() -> None:
    ((label, probability),) = parse("1.5e-07 %  cat\n")

    assert label == "cat"
    np.testing.assert_allclose(probability, 1.5e-9)


def test_way_with_the_same_answers_passes_on_some_of_the_pictures_too() -> None:
    assert problems(counted("aarch64", {"00001": BY_ONNX["00001"]}, LABELS), ONNX, LABELS) == []


@pytest.mark.parametrize(
    "answers",
    [(("dog", 0.6), ("cat", 0.4)), (("cat", 0.6), ("a dog, asleep", 0.4)), (("cat", 0.61), ("dog", 0.39))],
    ids=["another best", "another second", "another probability"],
)
def test_way_that_answers_one_picture_differently_does_not_pass(answers: tuple[tuple[str, float], ...]) -> None:
    way = counted("other", {**BY_ONNX, "00001": answers}, LABELS)

    assert "1 pictures are answered differently" in problems(way, ONNX, LABELS)


def test_another_number_of_right_answers_does_not_pass() -> None:
    assert problems(Way("eval.py", 3, 1), ONNX, LABELS) == ["another number is right"]
    assert problems(Way("eval.py", 3, 2), ONNX, LABELS) == []


def test_table_has_a_row_for_every_way() -> None:
    rows = table([Way("eval.py", 3, 2), ONNX], ONNX, LABELS).splitlines()

    assert rows[2:] == ["| eval.py | 3 | 2 |  |  |", "| onnx | 3 | 2 | 3 of 3 |  |"]


def test_split_of_a_run_becomes_files_under_its_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        for name in ("cat", "dog"):
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            for i in range(2):
                pixels = rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.jpg")
    (tmp_path / "run").mkdir()
    recipe = f"name: a\ndata: {{source: image_folder, path: {tmp_path / 'data'}}}\nmodel: {{name: mobilenetv2}}\n"
    (tmp_path / "run" / "config.yaml").write_text(recipe)

    pictures = every_way.write_pictures(tmp_path / "run", "test", tmp_path)

    assert list(pictures.labels.values()) == ["cat", "cat", "dog", "dog"]
    assert [file.name for file in every_way.sorted_files(pictures.files)] == [f"0000{i}.jpg" for i in range(4)]
    original = np.asarray(Image.open(tmp_path / "data" / "test" / "dog" / "0.jpg"))
    np.testing.assert_array_equal(np.asarray(Image.open(pictures.ppm / "00002.ppm")), original)
