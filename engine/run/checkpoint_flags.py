"""The flags by which a door is told which trained network it works on."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.errors import ConfigError
from common.names import printable

_EXPORTED = (".onnx", ".mindir", ".ms", ".air")


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
        return file_behind(Path(options.checkpoint))
    if options.run is None:
        raise ConfigError("which network? add --run DIR (a run folder) or --checkpoint FILE")
    return file_behind(Path(options.run) / "checkpoints" / f"{options.checkpoint}.ckpt")


def file_behind(checkpoint: Path) -> Path:
    """Return the file that `best.ckpt` or `last.ckpt` is a link to now: a run in training points them elsewhere."""
    return checkpoint.parent / checkpoint.readlink() if checkpoint.is_symlink() else checkpoint


def recipe_of(options: argparse.Namespace) -> Path:
    """The recipe that the checkpoint's run was started with.

    Raises:
        ConfigError: there is no such run or checkpoint, or its recipe does not lie where train.py puts it.
    """
    checkpoint = checkpoint_of(options)
    named = options.run if options.checkpoint in ("best", "last") else checkpoint
    if named.suffix in _EXPORTED or (named / "manifest.json").is_file():
        raise ConfigError(
            f"{printable(named)} was made by export.py, which has scored it (see its README.md); this needs the run "
            "(--run DIR) or a checkpoint (--checkpoint FILE.ckpt)"
        )
    recipe = (options.run or checkpoint.parent.parent) / "config.yaml"
    if not recipe.is_file() and not named.exists():
        raise ConfigError(f"{printable(named)} is not there; name a run folder (--run DIR) or a checkpoint")
    if not recipe.is_file():
        raise ConfigError(f"{printable(recipe)} is missing; name the recipe of the data with --config FILE")
    return recipe
