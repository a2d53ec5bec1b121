from pathlib import Path

import numpy as np
import pytest

from common.errors import ConfigError, DataError
from datazoo.pictures import PictureSet
from engine.config import Config, load_config
from engine.jobs.cross_validate import cross_validate, predict_out_of_fold
from engine.jobs.fold_report import OutOfFold, prediction_lines
from engine.run.pictures_flag import OWN_PICTURES
from engine.runtime.start import Runtime
from engine.step.metrics import ClassificationCounts

NAMES = ("cat", "dog", "owl")


def config(**overrides: str) -> Config:
    return load_config(OWN_PICTURES, {key.replace("__", "."): value for key, value in overrides.items()})


def features(per_class: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Three classes that lie well apart; no two pictures are of one photo."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), per_class)
    return (8 * np.eye(3, 9)[labels] + rng.normal(size=(len(labels), 9))).astype(np.float32), labels


def test_each_picture_is_predicted_once_by_a_head_that_knows_its_class() -> None:
    values, labels = features()
    found = predict_out_of_fold(config(finetune__probe_l2="0.1"), values, labels, NAMES, 4)
    assert sorted(found.rows) == list(range(len(labels)))
    assert set(found.folds) == {1, 2, 3, 4}
    assert (found.predicted == labels[found.rows]).mean() > 0.9


def test_a_wrong_label_is_the_surest_mistake() -> None:
    values, labels = features()
    labels[3] = 2
    found = predict_out_of_fold(config(finetune__probe_l2="0.1"), values, labels, NAMES, 4)
    pool = PictureSet("train", NAMES, labels.astype(np.int32), paths=tuple(Path(f"{i}.jpg") for i in range(36)))
    first = prediction_lines([pool], found, labels)[0]
    assert (first["path"], first["label"], first["predicted"]) == ("3.jpg", "owl", "cat")


def test_right_answers_follow_the_wrong_ones_and_two_splits_make_one_pool() -> None:
    predicted, sure, nothing = np.array([1, 0, 1]), np.full(3, 0.9), ClassificationCounts(3)
    nothing.add(np.eye(3), np.arange(3))
    result = nothing.result(NAMES, lambda total: total)
    found = OutOfFold(np.array([2, 0, 1]), np.array([1, 1, 2]), predicted, sure, (1.0, 1.0), 3, result)
    train = PictureSet("train", NAMES, np.array([0, 1], np.int32), paths=(Path("a"), Path("b")))
    val = PictureSet("val", NAMES, np.array([2], np.int32), paths=(Path("c"),))
    lines = prediction_lines([train, val], found, np.array([0, 1, 2]))
    assert [(line["path"], line["predicted"], line["fold"]) for line in lines] == [
        ("c", "dog", "1"),
        ("a", "cat", "1"),
        ("b", "dog", "2"),
    ]


def test_more_folds_than_a_class_has_photos_are_refused_with_the_number_that_goes() -> None:
    values, labels = features(per_class=3)
    with pytest.raises(DataError, match="use --folds 3 or add pictures"):
        predict_out_of_fold(config(), values, labels, NAMES, 5)


def test_a_recipe_that_neither_trains_nor_freezes_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ConfigError, match=r"set finetune\.freeze_layer backbone, or train\.epochs 1 or more"):
        cross_validate(config(finetune__freeze_layer="none", data__features__enabled="false"), Runtime("CPU"), 5)


def test_solved_folds_have_nothing_to_go_on_with() -> None:
    with pytest.raises(ConfigError, match="solved on all folds in seconds"):
        cross_validate(config(), Runtime("CPU"), 5, resume="auto")
