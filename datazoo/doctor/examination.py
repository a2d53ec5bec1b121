"""Looks at every picture file once: its bytes, whether it decodes, what it looks like, what is odd about it."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from PIL import Image

from common.decode import open_picture, reason_of, to_rgb
from datazoo.doctor.examine import png_damage
from datazoo.photos.look import Look, look_into
from datazoo.pipeline.decode import JPEG_ENDINGS, read_file

TINY = 32  # pixels of the shorter side
HUGE = 20_000_000  # pixels
_TASK = 64  # pictures a thread takes at a time
_ORIENTATION_TAG = 0x0112
_ENDINGS = {
    "JPEG": JPEG_ENDINGS,
    "MPO": JPEG_ENDINGS,
    "PNG": (".png",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "AVIF": (".avif",),
    "TIFF": (".tif", ".tiff"),
}


@dataclass(frozen=True)
class Examination:
    """What one file is.

    Args:
        digest: SHA-256 of its bytes; empty if they cannot be read.
        broken: why it cannot be decoded, or None.
        look: what it looks like; None if it cannot be decoded.
        oddities: kind (rotated, tiny, huge, animated, gray, cmyk, ending) to what was seen.
    """

    digest: bytes
    broken: str | None
    look: Look | None
    oddities: dict[str, str]


def examine(paths: Sequence[Path], workers: int | None = None) -> list[Examination]:
    """Examine picture files, each decoded once.

    Args:
        paths: the files.
        workers: threads; None takes the number of cores.
    """
    tasks = [paths[start : start + _TASK] for start in range(0, len(paths), _TASK)]
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        return list(chain.from_iterable(pool.map(lambda task: [_examine(path) for path in task], tasks)))


def _examine(path: Path) -> Examination:
    digest = b""
    try:
        raw = read_file(path)
        digest = hashlib.sha256(raw).digest()
        image = open_picture(io.BytesIO(raw))
        oddities = _oddities(path, image)
        rgb = to_rgb(image)
        if image.format == "PNG" and (damage := png_damage(raw)):
            return Examination(digest, damage, None, oddities)
        return Examination(digest, None, look_into(raw, rgb), oddities)
    except Exception as error:  # whatever it is, it is the reason
        return Examination(digest, reason_of(error), None, {})


def _oddities(path: Path, image: Image.Image) -> dict[str, str]:
    odd = {}
    orientation = image.getexif().get(_ORIENTATION_TAG, 1) if image.format != "PNG" or "exif" in image.info else 1
    if orientation in range(2, 9):
        odd["rotated"] = f"EXIF {orientation}"
    size = f"{image.width}x{image.height}"
    if min(image.size) < TINY:
        odd["tiny"] = size
    if image.width * image.height > HUGE:
        odd["huge"] = size
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        odd["animated"] = f"{image.n_frames} frames"  # type: ignore[attr-defined]
    if image.mode in ("1", "L", "LA") or image.mode.startswith("I"):
        odd["gray"] = image.mode
    if image.mode == "CMYK":
        odd["cmyk"] = image.mode
    if path.suffix.lower() not in _ENDINGS.get(image.format or "", (path.suffix.lower(),)):
        odd["ending"] = str(image.format)
    return odd
