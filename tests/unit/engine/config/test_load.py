"""Recipes load to checked values, and bad ones are refused with every problem, its place and a hint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import ConfigError
from common.names import encoding_problem
from engine.config import Config, load_config

GRAY = "data: {preprocessing: {color: gray, resize: null, image_size: 32, mean: [0.5], std: [0.5]}}\n"
Recipe = Callable[..., Path]


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    def write(text: str, name: str = "recipe.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(path: Path | None, overrides: Any = ()) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value).split("\n")


def test_recipe_values_and_overrides_reach_the_config(recipe: Recipe) -> None:
    path = recipe(GRAY + "train:\n  epochs: 7\n  seed: 1\n")

    config = load_config(path, {"train.seed": "5", "optimizer.lr": "1e-3"})

    assert (config.train.epochs, config.train.seed, config.optimizer.lr) == (7, 5, 0.001)


def test_the_last_override_wins(recipe: Recipe) -> None:
    assert load_config(recipe(GRAY), [("train.epochs", "2"), ("train.epochs", "3")]).train.epochs == 3


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("false", False), ("1", True), ("0", False), ("False", False)]
)
def test_booleans_are_parsed_not_cast(recipe: Recipe, text: str, value: bool) -> None:
    assert load_config(recipe(GRAY), {"runtime.run_distribute": text}).runtime.run_distribute is value


@pytest.mark.parametrize("text", ["yes", "on", "2", "'true'", "null"])
def test_other_words_are_no_booleans(recipe: Recipe, text: str) -> None:
    (line,) = refusal(recipe(GRAY), {"runtime.run_distribute": text})
    assert line.startswith("command line: runtime.run_distribute: should be true or false, not ")


@pytest.mark.parametrize("text", ["007", "on", "no", "1e-3", "true", "2024-01-02"])
def test_text_keys_keep_text_as_written(recipe: Recipe, text: str) -> None:
    config = load_config(recipe(GRAY + f"name: {text}\n"), {"data.classes": f"[{text}, b]"})
    assert (config.name, config.data.classes) == (text, (text, "b"))


@pytest.mark.parametrize("text", ["[ab]", "[a-z]+", "a: b", "{}", "dense|conv"])
def test_a_text_override_needs_no_quotes(recipe: Recipe, text: str) -> None:
    assert load_config(recipe(GRAY), {"finetune.lora.targets": text}).finetune.lora.targets == text


def test_an_empty_section_takes_its_defaults(recipe: Recipe) -> None:
    assert load_config(recipe(GRAY + "train:\n  # epochs: 3\n")).train == Config.model_fields["train"].get_default(
        call_default_factory=True
    )


def test_every_problem_is_listed_with_its_line(recipe: Recipe) -> None:
    path = recipe("epochs: 3\ntrain:\n  epochs: three\n  seed: -1\nloss: {label_smoothing: .nan}\n")
    assert refusal(path) == [
        f"{path}:1: epochs: unknown key; did you mean train.epochs?",
        f'{path}:3: train.epochs: should be a whole number, not "three"',
        f"{path}:4: train.seed: should be >= 0, not -1",
        f'{path}:5: loss.label_smoothing: should be a number, not ".nan"',
    ]


def test_every_impossible_combination_is_listed_with_its_line(recipe: Recipe) -> None:
    path = recipe(GRAY + "model:\n  name: mobilenetv2\nschedule:\n  warmup_epochs: 30\n")
    lines = refusal(path, {"data.source": "mnist"})
    (line,) = lines
    assert line.startswith("command line: data.path is needed for data.source mnist; fetch it: python -m datazoo.fetch")
    lines = refusal(path)
    assert [line.split(": ")[0] for line in lines] == [f"{path}:3", f"{path}:5"]


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"finetune.wise_ft_alpha": "0.5"}, "starts from a network that works"),
        ({"train.early_stopping": "{enabled: true, monitor: epoch}"}, "improves for ever"),
        ({"data.augmentation.train_size": "20"}, "train_size is the side of a random crop"),
        ({"data.augmentation": "{random_resized_crop: true, train_size: 20}"}, "needs a network for any size"),
        (
            {
                "data.augmentation": "{random_resized_crop: true, train_size: 20}",
                "data.features": "{enabled: true, views: 2}",
            },
            "data.features.enabled caches pictures of image_size only",
        ),
        (
            {"data.augmentation.horizontal_flip": "0.5", "data.features.views": "2"},
            "nothing reads features",
        ),
    ],
)
def test_values_that_cannot_work_together_are_refused_with_the_reason(
    recipe: Recipe, overrides: dict[str, str], says: str
) -> None:
    assert any(says in line for line in refusal(recipe(GRAY), overrides))


def test_switching_the_model_names_the_keys_it_does_not_have(recipe: Recipe) -> None:
    path = recipe(GRAY + "model:\n  name: lenet5_modern\n  pooling: average\n")
    (line,) = refusal(path, {"model.name": "mobilenetv2"})
    assert line.startswith(
        f"{path}:4: model.pooling: is not a key of this model.name, only of lenet5_modern, lenet5_improved"
    )


def test_a_section_given_whole_replaces_the_recipes(recipe: Recipe) -> None:
    path = recipe("model: {name: lenet5_modern, pooling: average}\n")
    assert load_config(path, {"model": "{name: mobilenetv2}"}).model.name == "mobilenetv2"


def test_unknown_model_lists_the_known_ones(recipe: Recipe) -> None:
    (line,) = refusal(recipe("model: {name: mobilnet}\n"))
    assert "model.name: should be one of lenet5_original" in line


def test_classic_names_in_a_recipe_point_to_the_key(recipe: Recipe) -> None:
    (line,) = refusal(recipe(GRAY + "epoch_size: 3\n"))
    assert line.endswith("epoch_size: unknown key; did you mean train.epochs?")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"train: {epochs: 1}\ntrain: {seed: 1}\n", ":2: key train is given twice"),
        (b"- 1\n- 2\n", "a recipe is a mapping"),
        (b"just text\n", "a recipe is a mapping"),
        (b"name: \xff\xfe\n", "is not UTF-8"),
        (b"train: {epochs: 1\n", "is not YAML"),
        (b"name: \x00\n", "is not YAML"),
        (b"a: &a [*a]\n", "contains itself"),
        (b"name: !!python/object:os.system x\n", "YAML tag"),
        (b"train: " + b"[" * 5000, "recipe.yaml"),
        (b"extends: recipe.yaml\n", "in a circle"),
        (b"extends: nowhere.yaml\n", "there is no file"),
        (b"train: 5\n", "train: should be a mapping of keys, not 5"),
        (b"train: {epochs: " + b"9" * 6000 + b"}\n", "train.epochs: should be a whole number"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_files_that_are_no_recipe_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    assert says in "\n".join(refusal(path))


def test_text_that_cannot_be_written_as_utf8_is_refused_at_its_place(recipe: Recipe) -> None:
    path = recipe('train:\n  seed: 1\nname: "\\uD800"\n')
    assert refusal(path) == [f"{path}:3: name: '\\ud800' {encoding_problem(chr(0xD800))}"]
    # Python passes a byte of the command line that is not UTF-8 on like this.
    assert refusal(None, {"data.path": "a\udcff"}) == [
        f"command line: data.path: 'a\\xff' {encoding_problem(chr(0xDCFF))}"
    ]


def test_missing_recipe_is_named_with_where_it_was_looked_for(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.yaml") == [f"{tmp_path}/none.yaml: there is no such recipe (looked in {tmp_path})"]


def test_extended_recipe_is_the_base_and_keeps_its_lines(recipe: Recipe, tmp_path: Path) -> None:
    recipe(GRAY + "train: {epochs: 5, seed: 2}\noptimizer:\n  lrr: 1\n", "base.yaml")
    child = recipe("extends: base.yaml\ntrain: {epochs: 6}\n")
    assert refusal(child) == [f"{tmp_path}/base.yaml:4: optimizer.lrr: unknown key; did you mean optimizer.lr?"]

    recipe(GRAY + "train: {epochs: 5, seed: 2}\n", "base.yaml")
    train = load_config(child).train
    assert (train.epochs, train.seed) == (6, 2)


MOBILENET = "model: {name: mobilenetv2}\n"
OLD = "model: {name: mobilenetv2, head: {init: linear_probe}}\n"


@pytest.mark.parametrize(
    ("text", "overrides", "place"),
    [
        (OLD, {}, "{path}:1"),
        ("model:\n  name: mobilenetv2\n  head:\n    init: linear_probe\n", {}, "{path}:4"),
        (MOBILENET, {"model.head.init": "linear_probe"}, "command line"),
        (MOBILENET, {"model.head": "{init: linear_probe}"}, "command line"),
        (MOBILENET, {"model": "{name: mobilenetv2, head: {init: linear_probe}}"}, "command line"),
    ],
    ids=["recipe", "block", "key", "section", "model"],
)
def test_a_key_under_its_older_name_sets_the_new_one_and_says_so(
    recipe: Recipe, caplog: pytest.LogCaptureFixture, text: str, overrides: dict[str, str], place: str
) -> None:
    path = recipe(text)

    config = load_config(path, overrides)

    assert config == load_config(recipe(MOBILENET), {"finetune.head_init": "linear_probe"})
    assert caplog.messages == [f"{place.format(path=path)}: model.head.init is finetune.head_init now"]


def test_the_other_keys_of_the_section_stay(recipe: Recipe, caplog: pytest.LogCaptureFixture) -> None:
    config = load_config(recipe("model: {name: mobilenetv2, head: {init: class_means, kind: v3}}\n"))
    assert (config.finetune.head_init, config.model.model_dump()["head"]["kind"]) == ("class_means", "v3")


def test_the_new_name_wins_over_the_older_one_in_the_same_recipe(
    recipe: Recipe, caplog: pytest.LogCaptureFixture
) -> None:
    config = load_config(recipe(OLD + "finetune: {head_init: class_means}\n"))
    assert config.finetune.head_init == "class_means"
    assert len(caplog.messages) == 1


def test_an_override_wins_over_the_recipe_under_either_name(recipe: Recipe, caplog: pytest.LogCaptureFixture) -> None:
    for text in (OLD, MOBILENET + "finetune: {head_init: linear_probe}\n"):
        for key in ("model.head.init", "finetune.head_init"):
            assert load_config(recipe(text), {key: "class_means"}).finetune.head_init == "class_means"


def test_a_recipe_wins_over_the_one_it_extends_under_either_name(
    recipe: Recipe, caplog: pytest.LogCaptureFixture
) -> None:
    recipe(MOBILENET + "finetune: {head_init: class_means}\n", "new.yaml")
    recipe("model: {name: mobilenetv2, head: {init: class_means}}\n", "old.yaml")
    for base in ("new.yaml", "old.yaml"):
        assert load_config(recipe(f"extends: {base}\n" + OLD)).finetune.head_init == "linear_probe"
        child = recipe(f"extends: {base}\nfinetune: {{head_init: linear_probe}}\n")
        assert load_config(child).finetune.head_init == "linear_probe"


def test_a_wrong_value_under_the_older_name_is_refused_at_its_place(
    recipe: Recipe, caplog: pytest.LogCaptureFixture
) -> None:
    path = recipe("model: {name: mobilenetv2, head: {init: zeros}}\n")
    (line,) = refusal(path)
    assert line.startswith(f"{path}:1: finetune.head_init: should be 'random', 'class_means' or 'linear_probe'")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("train.seed", "4294967296", "train: seed 4294967296 is too large; 4294967295 is the most"),
        ("data.batch_size", "1" + "0" * 30, "is too large; 4294967295 is the most"),
        ("data.split_seed", "-1", "data.split_seed: should be >= 0, not -1"),
        ("train.epochs", "99999999", "train.epochs: should be <= 100000, not 99999999"),
    ],
)
def test_numbers_that_no_library_below_holds_are_refused(recipe: Recipe, key: str, value: str, says: str) -> None:
    (line,) = refusal(recipe(GRAY), {key: value})
    assert says in line


def test_a_name_is_refused_in_words_and_not_by_a_pattern(recipe: Recipe) -> None:
    (line,) = refusal(recipe(GRAY), {"name": "a/b"})
    assert line == 'command line: name: should be letters, digits, dots, - and _ alone, not "a/b"'


def test_merged_values_of_yaml_are_refused_with_what_does_the_same(recipe: Recipe) -> None:
    (line,) = refusal(recipe(GRAY + "optimizer: {<<: {lr: 0.1}}\n"))
    assert "optimizer.<<: values are not merged; name the keys, or share a whole recipe by extends: FILE" in line


@pytest.mark.parametrize("written", ["$STUDENT_HOME/runs", "${STUDENT_HOME}/runs"])
def test_a_variable_in_a_path_is_refused_with_what_it_stands_for(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str
) -> None:
    monkeypatch.setenv("STUDENT_HOME", "/home/li")
    (line,) = refusal(recipe(GRAY + f"output_dir: {written}\n"))
    assert f"recipe.yaml:2: output_dir: '{written}' is taken as it is written; write /home/li/runs" in line

    monkeypatch.chdir(tmp_path)
    Path(written).mkdir(parents=True)
    assert load_config(recipe(GRAY + f"output_dir: {written}\n")).output_dir == Path(written)
