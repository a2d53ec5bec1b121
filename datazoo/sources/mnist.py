"""MNIST's idx files, raw or gzipped, under either of the two names in circulation."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from common.errors import DataError
from datazoo.pictures import PictureSet, Splits
from datazoo.sources.holdout import hold_out
from datazoo.sources.missing import fetch_hint, no_folder

_UINT8 = 0x08
_AGAIN = "remove it and fetch it again: python -m datazoo.fetch mnist"


def read_idx(path: Path) -> np.ndarray:
    """Read an idx file of unsigned bytes.

    Args:
        path: raw file, or gzipped if its name ends in .gz.

    Returns:
        uint8 array of the shape its header gives.

    Raises:
        DataError: truncated, damaged, or not an idx file of bytes.

    Source: http://yann.lecun.com/exdb/mnist/ (file format).
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); {_AGAIN}") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UINT8:
        raise DataError(f"{path}: not an idx file of unsigned bytes; {_AGAIN}")
    rank = content[3]
    if len(content) < 4 + 4 * rank:
        raise DataError(f"{path}: truncated inside its header; {_AGAIN}")
    shape = struct.unpack(f">{rank}I", content[4 : 4 + 4 * rank])
    body = content[4 + 4 * rank :]
    if len(body) != math.prod(shape):
        raise DataError(f"{path}: truncated: {len(body):,} bytes of {math.prod(shape):,}; {_AGAIN}")
    return np.frombuffer(body, np.uint8).reshape(shape)


def _find(folder: Path, prefix: str, kind: str, rank: int) -> Path:
    names = [f"{prefix}-{kind}{mark}idx{rank}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder}: no MNIST file {names[0]} or {names[1]}\n{fetch_hint('mnist')}")


def _read_split(folder: Path, prefix: str, split: str) -> PictureSet:
    image_file, label_file = _find(folder, prefix, "images", 3), _find(folder, prefix, "labels", 1)
    images, labels = read_idx(image_file), read_idx(label_file)
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise DataError(f"{image_file} holds {images.shape}, {label_file} {labels.shape}: not one label a picture")
    if not len(labels) or labels.max() > 9:
        raise DataError(f"{label_file}: labels must be 0 to 9")
    return PictureSet(split, tuple("0123456789"), labels.astype(np.int32), arrays=images[..., None])


def load(folder: Path, val_fraction: float, split_seed: int) -> Splits:
    """Load MNIST: t10k is the test split, val is held out of train by class.

    Args:
        folder: holds the four files.
        val_fraction: share of the training pictures held out.
        split_seed: of the hold-out.

    Raises:
        DataError: folder or file missing, truncated or contradictory.
    """
    if not folder.is_dir():
        raise no_folder("mnist", folder)
    train, val = hold_out(_read_split(folder, "train", "train"), val_fraction, split_seed, "val")
    test = _read_split(folder, "t10k", "test")
    return Splits(train, val, test, (f"mnist: {len(val)} of {len(train) + len(val)} train pictures held out as val",))
