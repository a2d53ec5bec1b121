"""Every recipe that ships is valid and says how to run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import load_config

ROOT = Path(__file__).parents[4]
RECIPES = sorted((ROOT / "config").glob("*.yaml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_recipe_is_valid_and_its_header_gives_the_command(recipe: Path) -> None:
    load_config(recipe)
    header = "".join(line for line in recipe.read_text(encoding="utf-8").splitlines(True) if line.startswith("#"))
    assert f"config/{recipe.name}" in header
