"""Shards to test with."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 24, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def write_tar(path: Path, members: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def pairs(numbers: range, classes: int = 2) -> dict[str, bytes]:
    """Members of a shard: a picture of every number and its class, which is the number's rest."""
    found: dict[str, bytes] = {}
    for number in numbers:
        found |= {f"{number:04d}.png": png(number), f"{number:04d}.cls": str(number % classes).encode()}
    return found


def write_data_set(folder: Path) -> Path:
    """Two training shards and one of val, of two classes."""
    write_tar(folder / "train" / "a-000000.tar", pairs(range(6)))
    write_tar(folder / "train" / "a-000001.tar", pairs(range(6, 10)))
    write_tar(folder / "val" / "a-000000.tar", pairs(range(10, 14)))
    return folder
