"""What is typed for a path or a text arrives as it was typed, or is refused with its key."""

from __future__ import annotations

import argparse
import logging
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ConfigError
from common.names import is_utf8
from engine.config import Config, dump_config, load_config, parse_command_line
from engine.config.keys import config_keys, union_parts

GRAY = "data: {preprocessing: {color: gray, resize: null, image_size: 32, mean: [0.5], std: [0.5]}}\n"
# As a shell passes words on: no NUL, and bytes that are not UTF-8 as surrogates.
WORDS = st.text(st.characters(categories=None, exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["1e3", "null", "~", "true", "a: b", "#x", "'x'", '"x"', "[a]", "{a: b}", "*a", "&a", "!!str a", "- a", "|", "%a"]
)
FREE_TEXT = ("data.train_split", "data.val_split", "data.test_split", "finetune.lora.targets")
FREE_PATHS = (
    "data.path",
    "data.archive_dir",
    "data.cache_dir",
    "data.classes_file",
    "data.features.cache_dir",
    "finetune.pretrained",
    "output_dir",
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("typed") / "recipe.yaml"
    path.write_text(GRAY)
    return path


def parse(recipe: Path, *words: str) -> Config:
    return parse_command_line(["--config", str(recipe), *words], prog="train.py", description="")[0]


def add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", type=Path)


def value_of(config: Config, key: str) -> object:
    value: object = config
    for name in key.split("."):
        value = getattr(value, name)
    return value


def test_the_keys_below_are_those_for_text_and_paths() -> None:
    kinds = {key.path: union_parts(key.annotation) for key in config_keys().values()}
    assert {path for path, kind in kinds.items() if Path in kind} == set(FREE_PATHS)
    bounded = {"name", "finetune.freeze_layer", "runtime.graph_kernel_flags"}
    assert {path for path, kind in kinds.items() if str in kind} == {*FREE_TEXT, *bounded}


@given(WORDS, st.sampled_from([*FREE_TEXT, *FREE_PATHS]))
def test_any_text_arrives_unchanged_or_is_refused_with_its_key(recipe: Path, word: str, key: str) -> None:
    may_be_null = type(None) in union_parts(config_keys()[key].annotation)
    expected: object = word
    if key in FREE_PATHS:
        expected = Path(os.path.expanduser(word))
    if word == "null" and may_be_null:
        expected = None
    if not is_utf8(word) or (key in FREE_PATHS and not word):
        with pytest.raises(ConfigError, match=f"^command line: {re.escape(key)}: "):
            parse(recipe, f"--{key}={word}")
    else:
        assert value_of(parse(recipe, f"--{key}={word}"), key) == expected


@settings(max_examples=30)
@given(WORDS.filter(lambda word: not word.startswith("-")))
def test_both_spellings_mean_the_same(recipe: Path, word: str) -> None:
    def outcome(*words: str) -> object:
        try:
            return parse(recipe, *words)
        except ConfigError as error:
            return str(error)

    assert outcome("--data.path", word) == outcome(f"--data.path={word}") == outcome(f"data.path={word}")


@pytest.mark.parametrize("name", ["1e3", "007", "true", "null", "2024-01-02", "实验一", "_"])
def test_a_run_may_be_called_like_a_number(recipe: Path, name: str) -> None:
    assert parse(recipe, "--name", name).name == name


@pytest.mark.parametrize("name", ["a b", "'x'", "a/b", " x", "x\n", "#x", ""])
def test_a_name_that_no_run_can_have_is_refused_as_it_was_typed(recipe: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"^command line: name: "):
        parse(recipe, "--name", name)


def test_home_is_expanded_in_paths_only_and_said(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    config = parse(recipe, "data.path=~/pictures", "--output_dir=~", "data.train_split=~")
    assert (config.data.path, config.output_dir) == (Path("/home/me/pictures"), Path("/home/me"))
    assert config.data.train_split == "~"
    assert caplog.messages == [
        "command line: data.path: ~/pictures is /home/me/pictures",
        "command line: output_dir: ~ is /home/me",
    ]


def test_a_folder_called_tilde_is_reached_and_stays_what_it_is(recipe: Path, tmp_path: Path) -> None:
    config = parse(recipe, "--data.path", "./~/x")
    (tmp_path / "again.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "again.yaml").data.path == Path("~/x")


def test_an_empty_path_is_refused(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^command line: data\.path: is empty"):
        parse(recipe, "--data.path", "")
    (tmp_path / "empty.yaml").write_text("output_dir: ''\n")
    with pytest.raises(ConfigError, match=r"empty\.yaml:1: output_dir: is empty"):
        load_config(tmp_path / "empty.yaml")


@pytest.mark.parametrize("word", ["1e1", "10.0", "ten", "0x10", "1_000"])
def test_a_whole_number_is_written_as_one(recipe: Path, word: str) -> None:
    with pytest.raises(ConfigError, match=r"command line: train\.epochs: should be a whole number"):
        parse(recipe, "--train.epochs", word)


def test_a_number_that_is_written_in_another_way_is_said(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert parse(recipe, "--train.epochs", "007", "--optimizer.lr", "1e-3").train.epochs == 7
    assert caplog.messages == ["command line: train.epochs: 007 is 7"]


def test_a_key_that_is_not_utf8_is_refused_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text('name: x\n"a\\uD800": 1\n')
    with pytest.raises(ConfigError, match=r"recipe\.yaml:2: key: 'a\\ud800' is no text that UTF-8 has"):
        load_config(tmp_path / "recipe.yaml")


def test_lists_of_text_keep_each_text_as_written(recipe: Path) -> None:
    assert parse(recipe, "--data.classes", "[1e3, 007, a b, 'null']").data.classes == ("1e3", "007", "a b", "null")
    weights = parse(recipe, "--loss.class_weights", "[1, 2.5]").loss.class_weights
    assert (weights, parse(recipe, "--loss.class_weights", "balanced").loss.class_weights) == ((1.0, 2.5), "balanced")


@pytest.mark.parametrize(
    "words",
    [
        ["train.epochs=1", "--train.epochs", "2"],
        ["--train.epochs", "1", "train.epochs=2"],
        ["--epoch_size=1", "train.epochs=2"],
        ["train.epochs=1", "--epoch_size", "2"],
        ["train.epochs=1", "--run_distribute", "train.epochs=2"],
        ["--train={epochs: 1}", "train.epochs=2"],
        ["train={seed: 1}", "--data.path", "train.epochs=1", "train.epochs=2"],
    ],
)
def test_the_last_one_wins_whatever_its_spelling(recipe: Path, words: list[str]) -> None:
    assert parse(recipe, *words).train.epochs == 2


def test_a_flag_that_may_stand_alone_leaves_the_next_override_alone(recipe: Path) -> None:
    config = parse(recipe, "--run_distribute", "train.seed=3", "--use_lora", "0")
    assert (config.runtime.run_distribute, config.train.seed, config.finetune.lora.enabled) == (True, 3, False)


@pytest.mark.parametrize("words", [["--run", "\udcca\udcfd"], ["--run=\udcca\udcfd"]])
def test_a_word_that_is_not_utf8_is_refused_with_its_flag_and_its_reading(recipe: Path, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_command_line(["--config", str(recipe), *words], prog="", description="", extra=add_run)
    assert str(caught.value).startswith(r"command line: run: '\xca\xfd' (GBK: 数) is not UTF-8; rename it (convmv")


# A run writes the sub-folders it took; older runs wrote `val` also where they held val out of train.


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    (tmp_path / "data" / "train").mkdir(parents=True)
    (tmp_path / "classes.json").write_text("[]")
    text = GRAY.replace("{pre", f"{{source: image_folder, path: {tmp_path / 'data'}, val_split: val, pre")
    (tmp_path / "config.yaml").write_text(text)
    return tmp_path


def test_an_older_run_that_held_val_out_means_that(old_run: Path) -> None:
    assert load_config(old_run / "config.yaml").data.val_split is None


def test_an_older_run_that_had_the_folder_means_the_folder(old_run: Path) -> None:
    (old_run / "data" / "val").mkdir()
    assert load_config(old_run / "config.yaml").data.val_split == "val"


def test_what_is_typed_over_a_run_s_recipe_or_written_in_another_stays(old_run: Path) -> None:
    assert load_config(old_run / "config.yaml", {"data.val_split": "val"}).data.val_split == "val"
    (old_run / "classes.json").unlink()
    assert load_config(old_run / "config.yaml").data.val_split == "val"
    assert "val_split" in load_config(old_run / "config.yaml").data.model_fields_set


def test_a_console_line_is_a_warning_so_that_it_is_seen(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    parse(recipe, "data.path=~")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
