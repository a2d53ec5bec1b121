"""Where the pictures come from that Lite's files are checked on; a bundle holds calibration pictures only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from common.errors import BundleError, DataError
from datazoo.pipeline.pillow_path import preprocess, to_tensor
from deploy.bundle.bundle import Bundle
from deploy.export.derived import rgb_pictures
from deploy.use.picture_files import PictureError, find_pictures, open_checked


@dataclass(frozen=True)
class CheckPictures:
    """Pictures as a network's input.

    Args:
        description: which they are, in words.
        split: name of the split, or of the folder.
        inputs: float32 (N, C, H, W).
        labels: int (N,), or None where they are not known.
    """

    description: str
    split: str
    inputs: np.ndarray
    labels: np.ndarray | None


def of_run(bundle: Bundle, run: Path, split: str, count: int) -> CheckPictures:
    """Take pictures of a split, by the recipe of the run that the bundle was made from.

    Args:
        bundle: the bundle.
        run: run folder of train.py.
        split: train, val or test.
        count: most of them, evenly spread.

    Raises:
        BundleError: another run.
        DataError: its pictures are not there.
    """
    from engine.config import load_config
    from engine.jobs.pictures import open_splits
    from engine.run.checkpoint import verify

    wanted = bundle.manifest.checkpoint
    sidecar = verify(run / "checkpoints" / wanted.file)
    if sidecar.sha256 != wanted.sha256:
        raise BundleError(f"bundle {bundle.path} was not made from {run}: {wanted.file} there is another checkpoint")
    splits = open_splits(load_config(run / "config.yaml").data, needed=(split,))
    pictures = splits.named(split)
    if pictures.classes != bundle.classes:
        raise DataError(f"{run}: its recipe now names other classes than the bundle's; name pictures with --pictures")
    chosen = pictures.subset(spread(len(pictures), count))
    leaking = ", some of which are training pictures" if split in splits.leaking or sidecar.has_seen(split) else ""
    return CheckPictures(
        description=f"{split} split of {run.name}{leaking}",
        split=split,
        inputs=stack(preprocess(image, bundle.preprocessing) for image in rgb_pictures(chosen)),
        labels=chosen.labels,
    )


def of_folder(bundle: Bundle, folder: Path, count: int) -> CheckPictures:
    """Take pictures below a folder; folders named like classes give the labels.

    Raises:
        DataError: no pictures, or one that cannot be decoded.
    """
    files = list(find_pictures([str(folder)]))
    if not files:
        raise DataError(f"{folder}: no pictures")
    files = [files[i] for i in spread(len(files), count)]
    places = {name: place for place, name in enumerate(bundle.classes)}
    known = [places.get(file.parent.name) for file in files]
    labels = None if None in known else np.array(known)
    return CheckPictures(
        description=f"pictures of {folder}",
        split=folder.name,
        inputs=stack(_read(bundle, file) for file in files),
        labels=labels,
    )


def of_bundle(bundle: Bundle, count: int) -> CheckPictures:
    """Take the calibration pictures, which are training pictures, for want of others.

    Raises:
        BundleError: there are none.
    """
    files = sorted((bundle.path / "lite" / "calibration").glob("*.png"))
    if not files:
        raise BundleError(f"bundle {bundle.path} has no calibration pictures; name others with --pictures DIR")
    chosen = [files[i] for i in spread(len(files), count)]
    return CheckPictures(
        description="calibration pictures of the bundle, which are training pictures",
        split="calibration",
        inputs=stack(to_tensor(np.asarray(Image.open(file).convert("RGB")), bundle.preprocessing) for file in chosen),
        labels=None,
    )


def spread(length: int, count: int) -> range:
    """At most `count` places of `length`, evenly spread."""
    return range(0, length, max(1, -(-length // count)))


def _read(bundle: Bundle, file: Path) -> np.ndarray:
    try:
        with open_checked(file, bundle.preprocessing) as image:
            return preprocess(image, bundle.preprocessing)
    except PictureError as error:
        raise DataError(f"{file}: {error}") from error


def stack(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """Pictures (C, H, W) as one array (N, C, H, W)."""
    return np.stack(list(pictures))
