"""Garbage-26: the official split, and the clean one that is made from it.

190 of the 260 official test pictures are also in the official train folder, so that their accuracy is one of training
pictures. The clean split is what is left after these rules, in this order; names stay as they are:

1. test: of pictures that are copies of each other, the first by name stays.
2. train: copies of test pictures go; of pictures that are copies of each other, the first by name stays.
3. train: the near copies of test pictures that `garbage26_clean.toml` lists go.
4. val: the pictures of train that `garbage26_clean.toml` lists.
"""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from common.errors import DataError
from common.files import atomic_folder, sha256_of
from common.names import printable

OFFICIAL_COUNTS = {"test": 260, "train": 2593}
OFFICIAL_DIGEST = "2530268189927824a01dee0dbb7ecb8e4278090a627d269bf25d4f8834cdf8fb"
_LISTS = Path(__file__).with_name("garbage26_clean.toml")

Digests = Mapping[str, str]
"""SHA-256 of every file by its path below the folder, with slashes, sorted."""


def digests_of(folder: Path) -> Digests:
    """Hash every file of a folder but hidden ones."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    return {name: sha256_of(folder / name) for name in names}


def check_official(folder: Path) -> Digests:
    """Hash the official split, and refuse any other.

    Raises:
        DataError: a picture is missing, added, renamed or changed.
    """
    everything = digests_of(folder) if folder.is_dir() else {}
    digests = {name: digest for name, digest in everything.items() if name.startswith(("test/", "train/"))}
    lines = "".join(f"{name}\t{digest}\n" for name, digest in digests.items())
    if hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest() == OFFICIAL_DIGEST:
        return digests
    counts = Counter(name.partition("/")[0] for name in everything)
    found = ", ".join(f"{count} {printable(split)}" for split, count in sorted(counts.items())) or "nothing"
    wanted = ", ".join(f"{count} {split}" for split, count in OFFICIAL_COUNTS.items())
    raise DataError(
        f"{printable(folder)}: not garbage-26's official split: it holds {found}; that is {wanted} pictures in "
        "{train,test}/<Class>/, and the bytes of each count\n"
        "remove the folder or name another with --to, and fetch it: python -m datazoo.fetch garbage26"
    )


def clean_split(official: Digests) -> dict[str, str]:
    """Say which official file each file of the clean split is, by the rules above.

    Returns:
        `train/<Class>/<name>` or `test/<Class>/<name>` of the official split by name in the clean one.
    """
    lists = tomllib.loads(_LISTS.read_text(encoding="utf-8"))
    near, val = (_names(lists[key]) for key in ("near_copies_of_test", "val"))
    test = _without_copies(official, "test", ())
    train = _without_copies(official, "train", {official[name] for name in test})
    train = [name for name in train if name not in near]
    return {(name.replace("train/", "val/", 1) if name in val else name): name for name in (*test, *train)}


def write_clean(official: Path, digests: Digests, target: Path) -> Counter[str]:
    """Copy the clean split out of the official one.

    Args:
        official: folder of the official split.
        digests: its files, by `check_official`.
        target: new folder; made whole or not at all. One that holds the clean split already is left as it is.

    Returns:
        The number of pictures of each split.

    Raises:
        DataError: `target` holds something else, or cannot be written to.
    """
    origin = clean_split(digests)
    if target.is_dir() and any(target.iterdir()):
        if digests_of(target) != {name: digests[origin[name]] for name in sorted(origin)}:
            raise DataError(
                f"{printable(target)}: there already, and not the clean split; remove it, or name another with --to"
            )
    else:
        try:
            with atomic_folder(target) as folder:
                for name, old in origin.items():
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(official / old, folder / name)
        except OSError as error:
            raise DataError(
                f"{printable(target)}: cannot be written to: {error.strerror or error}; nothing of it is kept\n"
                "make room or name another folder with --to"
            ) from error
    return Counter(name.partition("/")[0] for name in origin)


def _without_copies(official: Digests, split: str, known: Collection[str]) -> list[str]:
    seen, kept = set(known), []
    for name, digest in official.items():
        if name.startswith(f"{split}/") and digest not in seen:
            seen.add(digest)
            kept.append(name)
    return kept


def _names(by_class: Mapping[str, list[int]]) -> set[str]:
    return {f"train/{name}/{number:05}.jpg" for name, numbers in by_class.items() for number in numbers}
