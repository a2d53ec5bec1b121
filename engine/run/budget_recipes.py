"""The recipe of every method that a time budget is spent on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from common.errors import ConfigError
from engine.config import Config, load_config
from engine.run.pictures_flag import OWN_PICTURES

METHODS = {
    "head": OWN_PICTURES,
    "head_views": OWN_PICTURES.with_name("own_pictures_head_views.yaml"),
    "partial": OWN_PICTURES.with_name("own_pictures_partial.yaml"),
    "full": OWN_PICTURES.with_name("own_pictures_full.yaml"),
}
"""Recipe by method, the cheapest first."""

# What may be set for all methods alike; everything else is what makes them differ.
_COMMON_KEYS = ("name", "output_dir", "data", "model", "runtime", "amp", "train.seed", "finetune.pretrained")
_OWN_KEYS = ("data.augmentation", "data.features.views", "data.features.enabled")


def budget_recipes(
    config: Config, options: argparse.Namespace, overrides: Sequence[tuple[str, str]]
) -> dict[str, Config]:
    """Every method's recipe, the cheapest first.

    Args:
        config: of the first method, from the command line.
        options: with `pictures` and `config`.
        overrides: keys and values as they were typed; they count for all methods.

    Raises:
        ConfigError: no `--pictures`, a recipe of the user's own, or a key that the methods choose for themselves.
    """
    if options.pictures is None or options.config is not None:
        raise ConfigError(
            f"--budget tries recipes of its own ({', '.join(METHODS)}) on pictures of yours: use "
            "python train.py --pictures FOLDER --budget TIME, without --config"
        )
    if own := [key for key, _ in overrides if not _is_common(key)]:
        raise ConfigError(
            f"--budget: {own[0]} differs from method to method, and is each one's own\n"
            f"leave it out, or train one of them: python train.py --config {_shown(METHODS['full'])} "
            f"--data.path {options.pictures} --{own[0]} ..."
        )
    pictures = [("data.path", str(options.pictures))]
    return {
        method: config if method == "head" else load_config(recipe, [*pictures, *overrides])
        for method, recipe in METHODS.items()
    }


def _is_common(key: str) -> bool:
    return _within(key, _COMMON_KEYS) and not _within(key, _OWN_KEYS)


def _within(key: str, sections: Sequence[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def _shown(recipe: Path) -> str:
    return f"{recipe.parent.name}/{recipe.name}"
