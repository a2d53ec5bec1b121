import argparse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ConfigError
from engine.config import Config, parse_command_line
from engine.config.load import load_config
from engine.run.pictures_flag import OWN_PICTURES, add_pictures_flag, implied_by_pictures, recipe_for_pictures, run_name


def parse(*argv: str) -> Config:
    return parse_command_line(
        argv,
        prog="train.py",
        description="",
        extra=add_pictures_flag,
        default_recipe=recipe_for_pictures,
        implied=implied_by_pictures,
    )[0]


def test_pictures_alone_take_their_recipe_and_name_the_run() -> None:
    config = parse("--pictures", "/data/my photos")
    assert (config.name, config.data.path) == ("my_photos", Path("/data/my photos"))
    assert config.finetune.probe_l2 is None


def test_keys_on_the_command_line_win_over_what_pictures_imply() -> None:
    config = parse("--name", "mine", "--pictures", "photos", "--data.path", "others")
    assert (config.name, config.data.path) == ("mine", Path("others"))


def test_another_recipe_keeps_its_name(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: theirs\ndata: {source: image_folder, path: nowhere}\nmodel: {name: mobilenetv2}\n")
    config = parse("--pictures", "photos", "--config", str(recipe))
    assert (config.name, config.data.path) == ("theirs", Path("photos"))


@pytest.mark.parametrize(
    ("pictures", "name"),
    [("垃圾 图片", "垃圾_图片"), ("a/b.zip", "b"), ("flowers/", "flowers"), ("!!!", "own_pictures")],
)
def test_runs_are_named_after_the_folder(pictures: str, name: str) -> None:
    assert run_name(Path(pictures)) == name


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30))
def test_any_folder_gives_a_name_that_a_recipe_takes(folder: str) -> None:
    name = run_name(Path("/data") / folder.replace("/", "_"))
    assert load_config(OWN_PICTURES, [("name", name)]).name == name


def test_without_pictures_nothing_is_implied() -> None:
    options = argparse.Namespace(pictures=None, config=None)
    assert recipe_for_pictures(options) is None
    assert list(implied_by_pictures(options)) == []


def test_an_empty_name_is_no_folder() -> None:
    with pytest.raises(ConfigError, match=r"--pictures: it is empty; write \. for the current folder"):
        parse("--pictures", "")
