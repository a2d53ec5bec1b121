"""What a recipe holds under `ascend:` counts on an Ascend, there alone, and is checked everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.cards import card_files
from common.errors import ConfigError
from engine.config import dump_config, load_config, parse_command_line
from engine.config.optimizer_section import AmpConfig
from engine.config.schema import Config

ROOT = Path(__file__).parents[4]
GRAY = "data: {preprocessing: {color: gray, resize: null, image_size: 32, mean: [0.5], std: [0.5]}, batch_size: 16}\n"
RECIPE = f"""\
{GRAY}
amp: {{dtype: float16}}
ascend:
  amp: {{level: O2, loss_scale: dynamic}}
  data: {{batch_size: 64}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /dev with two NPUs."""
    devices = tmp_path / "dev"
    devices.mkdir()
    for name in ("davinci0", "davinci1", "davinci_manager", "null"):
        (devices / name).touch()
    monkeypatch.setattr(card_files, "__defaults__", (devices,))
    return devices


def seen(config: Config) -> tuple[str, str, int]:
    return config.amp.level, config.amp.loss_scale, config.data.batch_size


@pytest.mark.parametrize(
    ("platform", "found"),
    [("CPU", ("O0", "none", 16)), ("auto", ("O0", "none", 16)), ("Ascend", ("O2", "dynamic", 64))],
)
def test_without_cards_it_counts_where_the_platform_says_ascend(
    recipe: Path, platform: str, found: tuple[str, str, int]
) -> None:
    assert seen(load_config(recipe, {"runtime.platform": platform})) == found


@pytest.mark.usefixtures("cards")
@pytest.mark.parametrize(("platform", "found"), [("CPU", ("O0", "none", 16)), ("auto", ("O2", "dynamic", 64))])
def test_with_cards_auto_is_an_ascend(recipe: Path, platform: str, found: tuple[str, str, int]) -> None:
    assert seen(load_config(recipe, {"runtime.platform": platform})) == found


def test_cards_are_counted_without_the_drivers_other_files(cards: Path) -> None:
    assert len(card_files(cards)) == 2


def test_what_is_typed_wins_and_the_rest_of_the_section_stays(recipe: Path) -> None:
    config, _ = parse_command_line(
        ["--config", str(recipe), "--platform", "Ascend", "--amp.level", "O1"], prog="train.py", description=""
    )

    assert seen(config) == ("O1", "dynamic", 64)
    assert config.amp.dtype == "float16"


def test_a_recipe_that_extends_changes_single_keys_of_the_section(recipe: Path, tmp_path: Path) -> None:
    child = tmp_path / "child.yaml"
    child.write_text("extends: recipe.yaml\nascend: {amp: {level: O3}}\n")

    assert seen(load_config(child, {"runtime.platform": "Ascend"})) == ("O3", "dynamic", 64)


def test_the_recipe_of_a_run_is_resolved_and_reads_the_same_anywhere(recipe: Path, tmp_path: Path) -> None:
    there = load_config(recipe, {"runtime.platform": "Ascend"})
    (tmp_path / "config.yaml").write_text(dump_config(there))

    assert "ascend:" not in dump_config(there)
    assert load_config(tmp_path / "config.yaml", {"runtime.platform": "CPU"}).amp == there.amp


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ascend: {amp: {levl: O2}}", "recipe.yaml:1: amp.levl: unknown key; did you mean amp.level"),
        ("ascend: {amp: {level: O9}}", "amp.level: should be"),
        ("ascend: O2", "recipe.yaml:1: ascend: should be a mapping of keys"),
        ("train: {epochs: 1}\nascend: {schedule: {warmup_epochs: 5}}", "warmup_epochs is longer than train.epochs"),
    ],
)
def test_mistakes_in_it_are_found_on_a_cpu_too(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text + "\n")

    with pytest.raises(ConfigError, match=words):
        load_config(path, {"runtime.platform": "CPU"})


@pytest.mark.parametrize("text", ["ascend:\n", "ascend: {}\n"])
def test_an_empty_section_changes_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(GRAY + text)

    assert load_config(path, {"runtime.platform": "Ascend"}).amp == AmpConfig()


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "config").glob("*.yaml")))
def test_every_recipe_that_trains_is_float32_on_a_cpu_and_o2_with_a_dynamic_scale_on_an_ascend(name: str) -> None:
    here, there = (load_config(ROOT / "config" / name, {"runtime.platform": p}) for p in ("CPU", "Ascend"))

    assert (here.amp.level, here.amp.loss_scale) == ("O0", "none")
    if here.train.epochs > 0:
        assert (there.amp.level, there.amp.loss_scale) == ("O2", "dynamic")
