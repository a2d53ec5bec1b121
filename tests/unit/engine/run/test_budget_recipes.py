import argparse
from pathlib import Path

import pytest

from common.door import run_door
from common.errors import ConfigError
from engine.config import Config, load_config
from engine.run.budget_recipes import METHODS, budget_recipes
from engine.run.pictures_flag import OWN_PICTURES
from train import main


def options(**given: object) -> argparse.Namespace:
    return argparse.Namespace(**({"pictures": Path("my_photos"), "config": None} | given))


def recipes(*overrides: tuple[str, str]) -> dict[str, Config]:
    return budget_recipes(load_config(OWN_PICTURES, [("data.path", "my_photos"), *overrides]), options(), overrides)


def test_all_methods_make_the_same_splits_of_the_same_pictures() -> None:
    whatever_differs = {"augmentation", "features", "batch_size", "eval_batch_size"}
    sections = [config.data.model_dump(exclude=whatever_differs) for config in recipes().values()]
    assert all(section == sections[0] for section in sections)


def test_what_is_typed_for_data_and_weights_counts_for_all_methods() -> None:
    typed = recipes(("data.val_fraction", "0.3"), ("finetune.pretrained", "null"), ("train.seed", "3"))
    assert {config.data.val_fraction for config in typed.values()} == {0.3}
    assert {config.finetune.pretrained for config in typed.values()} == {None}
    assert {config.train.seed for config in typed.values()} == {3}


@pytest.mark.parametrize("key", ["train.epochs", "optimizer.lr", "data.augmentation.horizontal_flip", "finetune"])
def test_a_key_by_which_the_methods_differ_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=f"--budget: {key} differs from method to method"):
        budget_recipes(load_config(OWN_PICTURES), options(), [(key, "1")])


@pytest.mark.parametrize("given", [{"pictures": None}, {"config": Path("config/lenet5_digits.yaml")}])
def test_without_pictures_or_with_another_recipe_the_command_is_given(given: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"python train\.py --pictures FOLDER --budget TIME, without --config"):
        budget_recipes(load_config(OWN_PICTURES), options(**given), [])


def test_every_method_can_be_trained_by_itself() -> None:
    assert all(load_config(recipe).name.startswith("own_pictures") for recipe in METHODS.values())


@pytest.mark.parametrize("time", ["0", "-5m", "5x", "5", "half an hour"])
def test_what_is_no_time_ends_with_2_and_examples(
    time: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_door(main, ["--pictures", str(tmp_path), f"--budget={time}"], crash_folder=tmp_path)
    said = capsys.readouterr().err
    assert code == 2
    assert "a time above 0 such as 90s, 5m or 2h was expected" in said
    assert len(said.splitlines()) <= 3


@pytest.mark.parametrize("other", ["--folds=3", "--write_split=a.csv", "--profile=steps=1:2"])
def test_a_budget_and_another_thing_to_do_are_refused(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_door(main, ["--pictures", "my_photos", "--budget", "5m", other]) == 2
    assert "are different things to do" in capsys.readouterr().err
