"""Bundles on disk: written whole or not at all, read only after every byte was checked."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from common.bounded_json import parse_bounded, read_bounded
from common.errors import BundleError
from common.files import atomic_folder, sha256_of
from common.names import printable
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.contents import first_problem, read_labels, read_preprocessing
from deploy.bundle.manifest import BUNDLE_VERSION, LABELS, MANIFEST, PREPROCESSING, Manifest, ModelFile

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 2**31
"""No ONNX or MINDIR file can be larger: both are one protocol buffer."""


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files are those that were written."""

    path: Path
    manifest: Manifest
    classes: tuple[str, ...]
    preprocessing: PreprocessingSpec

    def model(self, name: str | None = None) -> tuple[str, ModelFile]:
        """Return name and description of a model file.

        Args:
            name: a format of the bundle; None takes `onnx`, or else the first.

        Raises:
            BundleError: not in the bundle.
        """
        models = self.manifest.models
        if name is None:
            name = "onnx" if "onnx" in models else next(iter(models))
        if name not in models:
            refused = self.manifest.refused.get(name)
            why = f" (refused: {refused.reason})" if refused else ""
            raise BundleError(f"bundle {self.path} has no model {name}{why}; it has {', '.join(models)}")
        return name, models[name]


@contextlib.contextmanager
def new_bundle(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `target` that becomes `target` if the block succeeds, and vanishes if not.

    Raises:
        BundleError: `target` exists and is not empty.
    """
    check_free(target)
    with atomic_folder(target) as folder:
        yield folder


def check_free(target: Path) -> None:
    """Refuse a folder that is there already; an empty one will do.

    Raises:
        BundleError: `target` exists and is not empty.
    """
    if target.is_symlink() or target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise BundleError(f"{target} exists; name another folder with --out, or remove it")


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a bundle but the manifest, by path relative to the bundle."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in files]
    return {name: sha256_of(folder / name) for name in names if name != MANIFEST}


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle and check that its files are there, inside the folder, unchanged, and agree with one another.

    Raises:
        BundleError: it is not a bundle, was changed, or its files contradict each other.
    """
    manifest = _read_manifest(folder)
    for name, digest in manifest.files.items():
        _check_file(folder, name, digest)
    for name in (LABELS, PREPROCESSING, *(model.file for model in manifest.models.values())):
        if name not in manifest.files:
            raise BundleError(f"bundle {folder}: {MANIFEST} lists no hash for {name!r}")
    if not manifest.models:
        raise BundleError(f"bundle {folder}: {MANIFEST} names no model; export it again")
    _name_strangers(folder, manifest)
    return Bundle(folder, manifest, read_labels(folder, manifest.num_classes), read_preprocessing(folder))


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        content = read_bounded(path) if inside else b""
    except (OSError, RuntimeError, ValueError) as error:
        why = f" ({error})" if type(error) is ValueError else ""
        raise BundleError(f"{folder} is not a bundle of export.py: {MANIFEST} cannot be read{why}") from error
    if not inside:
        raise BundleError(f"bundle {folder}: {MANIFEST} is a link out of the folder")
    try:
        version = _version_of(parse_bounded(content))
        if version == BUNDLE_VERSION:
            return Manifest.model_validate_json(content, strict=True)
        problem = f"its bundle_version is {version!r:.40}, this version reads {BUNDLE_VERSION}"
    except ValidationError as error:
        problem = first_problem(error)
    except ValueError as error:
        problem = str(error)
    raise BundleError(f"bundle {folder}: {MANIFEST} is not one of this version of export.py ({problem})")


def _version_of(value: Any) -> Any:
    version = value.get("bundle_version", BUNDLE_VERSION) if isinstance(value, dict) else BUNDLE_VERSION
    return version if type(version) is not bool else str(version)


def _check_file(folder: Path, name: str, digest: str) -> None:
    relative = PurePosixPath(name)
    path = folder / relative
    if relative.is_absolute() or ".." in relative.parts or "\\" in name or "\0" in name:
        raise BundleError(f"bundle {folder}: {MANIFEST} names {name!r}, which is outside the folder")
    name = printable(name)
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BundleError(f"bundle {folder}: {name} is a link out of the folder")
        if not path.is_file():
            raise BundleError(f"bundle {folder}: {name} is missing")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BundleError(f"bundle {folder}: {name} is above the limit of {MAX_FILE_BYTES:,} bytes")
        same = sha256_of(path) == digest
    except (OSError, RuntimeError) as error:  # a link to itself is a RuntimeError
        reason = getattr(error, "strerror", None) or error
        raise BundleError(f"bundle {folder}: {name} cannot be read ({reason})") from error
    if not same:
        raise BundleError(f"bundle {folder}: {name} is not the file that was exported (its SHA-256 differs)")


def _name_strangers(folder: Path, manifest: Manifest) -> None:
    """Say which files nobody vouches for and nobody reads; MindSpore Lite's converter writes into `lite`."""
    listed = {MANIFEST, *manifest.files}
    strangers = sorted(entry.name for entry in os.scandir(folder) if entry.is_file() and entry.name not in listed)
    if strangers:
        names = ", ".join(repr(name) for name in strangers[:5]) + (", ..." if len(strangers) > 5 else "")
        logger.warning("bundle %s: ignoring what %s does not list: %s", folder, MANIFEST, names)
