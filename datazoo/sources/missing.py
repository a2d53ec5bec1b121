"""What to say where there is no data: the command that fetches it."""

from __future__ import annotations

import shlex
from pathlib import Path

from common.errors import DataError
from common.names import printable

# What the folders that the recipes name are fetched with; those of other names may hold anything.
_FETCHED = {"mnist": "mnist", "garbage26_official": "garbage26", "garbage26_clean": "garbage26 --clean"}


def fetch_hint(source: str, folder: Path | None = None) -> str:
    """Say how to get the data of a source, and of a folder if its name is one that the recipes use."""
    wanted = "mnist" if source == "mnist" else _FETCHED.get(folder.name if folder else "")
    if wanted is None:
        return (
            "name yours with --dataset_path FOLDER (data.path), or fetch a public one: python -m datazoo.fetch --help"
        )
    if folder is not None and folder != Path("data") / folder.name:
        wanted += f" --to {shlex.quote(printable(folder))}"
    return f"fetch it: python -m datazoo.fetch {wanted}, or name yours with --dataset_path FOLDER (data.path)"


def no_folder(source: str, folder: Path) -> DataError:
    """Say that a dataset folder is not there, and how to get one."""
    return DataError(f"dataset folder {printable(folder)} does not exist\n{fetch_hint(source, folder)}")
