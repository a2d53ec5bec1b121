"""`train.py --pictures FOLDER`: the recipe for pictures of one's own, and a run named after their folder."""

from __future__ import annotations

import argparse
import unicodedata
from collections.abc import Sequence
from pathlib import Path

OWN_PICTURES = Path(__file__).resolve().parents[2] / "config" / "own_pictures.yaml"


def add_pictures_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--pictures`."""
    parser.add_argument(
        "--pictures",
        type=_folder,
        metavar="FOLDER",
        help="pictures of your own, a folder a class; without --config, config/own_pictures.yaml is the recipe",
    )


def _folder(text: str) -> Path:
    if not text:  # a variable that is not set
        raise argparse.ArgumentTypeError("it is empty; write . for the current folder")
    return Path(text)


def recipe_for_pictures(options: argparse.Namespace) -> Path | None:
    """The recipe where no `--config` is given."""
    return OWN_PICTURES if options.pictures is not None else None


def implied_by_pictures(options: argparse.Namespace) -> Sequence[tuple[str, str]]:
    """The overrides that `--pictures` stands for; whatever else is on the command line wins."""
    if options.pictures is None:
        return ()
    path = ("data.path", str(options.pictures))
    return (path,) if options.config is not None else (path, ("name", run_name(options.pictures)))


def run_name(pictures: Path) -> str:
    """Name a run after its pictures: their folder's name, with _ for what a run's name may not hold."""
    name = pictures.expanduser().resolve().name.split(".")[0]
    words = "".join(sign if _may_name_a_run(sign) else " " for sign in name).split()
    return "_".join(words) or "own_pictures"


def _may_name_a_run(sign: str) -> bool:
    category = unicodedata.category(sign)
    return sign in "_-" or category.startswith("L") or category == "Nd"
