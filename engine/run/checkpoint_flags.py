"""The flags by which a door is told which trained network it works on."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.errors import ConfigError


def add_checkpoint_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--run` and `--checkpoint`."""
    parser.add_argument("--run", type=Path, metavar="DIR", help="run folder of train.py; its config.yaml is the recipe")
    parser.add_argument(
        "--checkpoint", default="best", metavar="best|last|FILE", help="which checkpoint (default: best)"
    )


def checkpoint_of(options: argparse.Namespace) -> Path:
    """The checkpoint that was asked for.

    Raises:
        ConfigError: neither a run nor a file is named.
    """
    if options.checkpoint not in ("best", "last"):
        return Path(options.checkpoint)
    if options.run is None:
        raise ConfigError("which network? add --run DIR (a run folder) or --checkpoint FILE")
    return Path(options.run) / "checkpoints" / f"{options.checkpoint}.ckpt"


def recipe_of(options: argparse.Namespace) -> Path:
    """The recipe that the checkpoint's run was started with.

    Raises:
        ConfigError: it does not lie where train.py puts it.
    """
    recipe = (options.run or checkpoint_of(options).parent.parent) / "config.yaml"
    if not recipe.is_file():
        raise ConfigError(f"{recipe} is missing; name the recipe of the data with --config FILE")
    return recipe
