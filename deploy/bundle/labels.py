"""Class names in files: one a line, in label order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.errors import BundleError
from common.names import class_name_problem, readable
from deploy.bundle.manifest import LABELS


def write_labels(folder: Path, classes: Sequence[str], local_names: Mapping[str, Sequence[str]]) -> None:
    """Write labels.txt, and labels.<language>.txt for every language."""
    (folder / LABELS).write_text("\n".join(classes) + "\n", encoding="utf-8", newline="\n")
    for language, names in local_names.items():
        (folder / f"labels.{language}.txt").write_text("\n".join(names) + "\n", encoding="utf-8", newline="\n")


def read_local_names(argument: str, num_classes: int) -> tuple[str, tuple[str, ...]]:
    """Read the file that LANGUAGE=FILE names.

    Args:
        argument: such as `zh=classes_zh.txt`; UTF-8, one name a line, in label order.
        num_classes: how many there must be.

    Raises:
        BundleError: not of that form, not readable, or another number of names.
    """
    language, _, file = argument.partition("=")
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)*", language) or not file:
        raise BundleError(f"--local_names {argument}: write LANGUAGE=FILE, such as zh=classes_zh.txt")
    try:
        names = Path(file).read_text(encoding="utf-8-sig").rstrip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise BundleError(f"--local_names {file}: not UTF-8; convert it, for instance with iconv -f gbk") from error
    if len(names) != num_classes:
        raise BundleError(f"--local_names {file}: {len(names)} names for {num_classes} classes")
    names = [name.strip() for name in names]
    for line, name in enumerate(names, 1):
        if problem := class_name_problem(name):
            raise BundleError(f"--local_names {file}:{line}: the name {readable(name)} {problem}")
    return language, tuple(names)
