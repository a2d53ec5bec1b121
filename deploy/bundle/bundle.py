"""Bundles on disk: written whole or not at all, read only after every byte was checked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from common.errors import BundleError
from common.files import atomic_folder, sha256_of
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.manifest import LABELS, MANIFEST, PREPROCESSING, Manifest, ModelFile


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
    if target.is_symlink() or target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise BundleError(f"{target} exists; name another folder with --out, or remove it")
    with atomic_folder(target) as folder:
        yield folder


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a bundle but the manifest, by path relative to the bundle."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in files]
    return {name: sha256_of(folder / name) for name in names if name != MANIFEST}


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle and check that all its files are there, inside the folder and unchanged.

    Raises:
        BundleError: it is not a bundle, or was changed.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"{folder} is not a bundle of export.py: {MANIFEST} cannot be read") from error
    except (ValidationError, UnicodeDecodeError) as error:
        problem = str(error).splitlines()[1] if isinstance(error, ValidationError) else "not UTF-8"
        raise BundleError(f"bundle {folder}: {MANIFEST} is not one of this version of export.py ({problem})") from error
    for name, digest in manifest.files.items():
        _check_file(folder, name, digest)
    for name in (LABELS, PREPROCESSING, *(model.file for model in manifest.models.values())):
        if name not in manifest.files:
            raise BundleError(f"bundle {folder}: {MANIFEST} lists no hash for {name!r}")
    classes = tuple((folder / LABELS).read_text(encoding="utf-8").removesuffix("\n").split("\n"))
    if len(classes) != manifest.num_classes:
        raise BundleError(
            f"bundle {folder}: {LABELS} has {len(classes)} names for {manifest.num_classes} classes; export it again"
        )
    spec = PreprocessingSpec.model_validate_json((folder / PREPROCESSING).read_text(encoding="utf-8"))
    return Bundle(folder, manifest, classes, spec)


def _check_file(folder: Path, name: str, digest: str) -> None:
    relative = PurePosixPath(name)
    path = folder / relative
    if relative.is_absolute() or ".." in relative.parts or "\\" in name or "\0" in name:
        raise BundleError(f"bundle {folder}: {MANIFEST} names {name!r}, which is outside the folder")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"bundle {folder}: {name} is a link out of the folder")
    if not path.is_file():
        raise BundleError(f"bundle {folder}: {name} is missing")
    if sha256_of(path) != digest:
        raise BundleError(f"bundle {folder}: {name} is not the file that was exported (its SHA-256 differs)")
