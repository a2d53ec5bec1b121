"""The doors' flags: three ways to write an override, the classic names, and help for every key."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from common.errors import ConfigError
from engine.config import Config, load_config, parse_command_line
from engine.config.keys import CLASSIC_NAMES, config_keys


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "a recipe.yaml"
    path.write_text("data: {preprocessing: {color: gray, resize: null, image_size: 32, mean: [0.5], std: [0.5]}}\n")
    return str(path)


def add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", type=Path)


def parse(*argv: str) -> tuple[Config, argparse.Namespace]:
    return parse_command_line(argv, prog="train.py", description="Train.", extra=add_run)


@pytest.mark.parametrize(
    "words", [["--train.epochs", "3"], ["--train.epochs=3"], ["train.epochs=3"], ["--epoch_size", "3"]]
)
def test_ways_to_write_an_override(recipe: str, words: list[str]) -> None:
    assert parse("--config", recipe, *words)[0].train.epochs == 3
    assert parse(*words, "--config", recipe)[0].train.epochs == 3


def test_flags_and_assignments_mix_with_the_doors_own_flags(recipe: str) -> None:
    config, args = parse("train.seed=4", "--run", "a=b", "--config", recipe, "train.epochs=3", "--use_lora", "0")
    assert (config.train.seed, config.train.epochs, config.finetune.lora.enabled) == (4, 3, False)
    assert (args.run, args.debug, args.config) == (Path("a=b"), False, Path(recipe))


@pytest.mark.parametrize(
    ("words", "value"), [([], True), (["true"], True), (["1"], True), (["0"], False), (["false"], False)]
)
def test_run_distribute_may_stand_alone(recipe: str, words: list[str], value: bool) -> None:
    config, _ = parse("--run_distribute", *words, "--config", recipe)
    assert config.runtime.run_distribute is value


def test_every_classic_name_sets_its_key(recipe: str) -> None:
    values = {"platform": "CPU", "device_target": "CPU", "freeze_layer": "none"}
    for name, path in CLASSIC_NAMES.items():
        config, _ = parse("--config", recipe, f"--{name}", values.get(name, "1"))
        value = load_config(Path(recipe), {path: values.get(name, "1")})
        assert config == value


def test_modelzoos_flags_are_understood(recipe: str) -> None:
    flags = ["--device_target", "CPU", "--device_id", "3", "--filter_head", "False", "--run_eval", "False"]

    config, _ = parse("--config_path", recipe, *flags)

    assert (config.runtime.platform, config.runtime.device_id) == ("CPU", 3)
    assert not config.finetune.new_head
    assert config.train.eval_every > config.train.epochs
    assert parse("--config", recipe, "--run_eval", "True")[0].train.eval_every == 1


def test_a_rank_table_is_the_launchers(recipe: str) -> None:
    with pytest.raises(ConfigError, match=r"bash launch/run_distribute_ascend.sh --rank_table_file t.json"):
        parse("--config", recipe, "--rank_table_file", "t.json")


@pytest.mark.parametrize("words", [["--model.head.init", "class_means"], ["--model.head={init: class_means}"]])
def test_a_key_under_its_older_name_takes_its_turn_among_the_overrides(
    recipe: str, caplog: pytest.LogCaptureFixture, words: list[str]
) -> None:
    parts = ["--config", recipe, "--model", "{name: mobilenetv2}", "--data.preprocessing", "{}"]
    new = "--finetune.head_init=linear_probe"
    assert parse(*parts, new, *words)[0].finetune.head_init == "class_means"
    assert parse(*parts, *words, new)[0].finetune.head_init == "linear_probe"
    assert caplog.messages == ["command line: model.head.init is finetune.head_init now"] * 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--train.epoch", "3"], "command line: train.epoch: unknown key; did you mean train.epochs?"),
        (["--train.epoch=3"], "command line: train.epoch: unknown key; did you mean train.epochs?"),
        (["train.epoch=3"], "command line: train.epoch: unknown key; did you mean train.epochs?"),
        (["--epoch_sise", "3"], "did you mean epoch_size?"),
        (["--rum", "x"], "did you mean run?"),
        (["surprise"], "surprise: neither a flag nor KEY=VALUE"),
        (["--train.epochs"], "--train.epochs: expected one argument"),
        (["--seed", "-1"], "train.seed: should be >= 0, not -1"),
    ],
)
def test_what_cannot_be_understood_is_refused(recipe: str, words: list[str], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse("--config", recipe, *words)
    assert says in str(caught.value)


def test_no_recipe_is_refused_unless_the_door_finds_one(recipe: str) -> None:
    with pytest.raises(ConfigError, match="add --config FILE"):
        parse("--run", "x")
    config, _ = parse_command_line([], prog="eval.py", description="", default_recipe=lambda _: Path(recipe))
    assert config == load_config(Path(recipe))


def test_print_config_prints_the_resolved_recipe_and_exits_0(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse("--config", recipe, "train.epochs=3", "--print_config")
    assert caught.value.code == 0
    assert yaml.safe_load(capsys.readouterr().out)["train"]["epochs"] == 3


def test_help_documents_every_key_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert caught.value.code == 0
    for key in config_keys().values():
        about = text.split(f"--{key.path} {key.type_text}".replace("true|false", "[true|false]"), 1)[-1]
        assert " ".join(key.description.split()) in about, key.path
    assert "0 keeps the head that finetune.head_init solved (default: 10)" in text
    assert all(f"--{name} " in text for name in CLASSIC_NAMES)


def test_config_needs_no_mindspore() -> None:
    code = "import sys, engine.config, common.door; sys.exit('mindspore' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4])
