"""What a bundle's labels.txt and preprocessing.json hold, checked before it is believed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from common.bounded_json import parse_bounded, read_bounded
from common.errors import BundleError
from common.names import is_hidden, printable
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.manifest import LABELS, MAX_CLASSES, PREPROCESSING

MAX_LABEL = 1000
MAX_SIDE = 4096
"""Largest side of a picture that preprocessing may make, in pixels."""
_MAX_BYTES = {LABELS: 16 * 1024 * 1024, PREPROCESSING: 64 * 1024}


def read_labels(folder: Path, num_classes: int) -> tuple[str, ...]:
    """Read labels.txt.

    Args:
        folder: of the bundle.
        num_classes: how many the manifest tells.

    Raises:
        BundleError: not UTF-8, or names that cannot be told apart, shown or counted.
    """
    try:
        text = read_bounded(folder / LABELS, _MAX_BYTES[LABELS]).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"bundle {folder}: {LABELS} is not UTF-8; export it again") from error
    except (ValueError, OSError) as error:
        raise BundleError(f"bundle {folder}: {LABELS} cannot be read ({error})") from error
    classes = tuple(text.removesuffix("\n").split("\n"))
    if len(classes) != num_classes:
        raise BundleError(
            f"bundle {folder}: {LABELS} has {len(classes)} names for {num_classes} classes; export it again"
        )
    if problem := labels_problem(classes):
        raise BundleError(f"bundle {folder}: {LABELS}, {problem}")
    return classes


def labels_problem(classes: Sequence[str]) -> str | None:
    """Say why names cannot stand in a file of one name a line, or None if they can."""
    if len(classes) > MAX_CLASSES:
        return f"{len(classes):,} names are above the limit of {MAX_CLASSES:,}"
    first: dict[str, int] = {}
    for line, name in enumerate(classes, 1):
        if not name.strip():
            return f"line {line}: an empty name"
        if len(name) > MAX_LABEL:
            return f"line {line}: a name of {len(name):,} characters (the limit is {MAX_LABEL:,})"
        if any(is_hidden(character) for character in name):
            return f"line {line}: the name {name[:40]!a} holds control characters"
        if name in first:
            return f"line {line}: the name {name[:40]!r} stands in line {first[name]} already"
        first[name] = line
    return None


def read_preprocessing(folder: Path) -> PreprocessingSpec:
    """Read preprocessing.json.

    Raises:
        BundleError: not a preprocessing of this version, or one of no reasonable size.
    """
    try:
        content = read_bounded(folder / PREPROCESSING, _MAX_BYTES[PREPROCESSING])
        parse_bounded(content)
        spec = PreprocessingSpec.model_validate_json(content, strict=True)
    except ValidationError as error:
        raise BundleError(f"bundle {folder}: {PREPROCESSING}: {first_problem(error)}") from error
    except (ValueError, OSError) as error:
        raise BundleError(f"bundle {folder}: {PREPROCESSING} cannot be read ({error})") from error
    for name, side in (("resize", spec.resize or 0), ("image_size", spec.image_size), ("pad", spec.pad)):
        if side > MAX_SIDE:
            raise BundleError(f"bundle {folder}: {PREPROCESSING}: {name} {side} is above the limit of {MAX_SIDE}")
    return spec


def first_problem(error: ValidationError) -> str:
    """Say in one line where a value does not fit and why, without the value."""
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    text = f"{place}: {problem['msg']}" if place else problem["msg"]
    return printable(text[:200])
