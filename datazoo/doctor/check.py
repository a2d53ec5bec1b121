"""Pictures that cannot be decoded."""

from __future__ import annotations

import io
import logging
import math
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from common.errors import DataError
from common.names import printable
from datazoo.pictures import PictureSet, Splits
from datazoo.pipeline.decode import MAX_PIXELS, open_picture, read_file, reason_of, to_rgb
from datazoo.pipeline.pillow_path import resized_size

_log = logging.getLogger(__name__)

_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_TASK = 64  # pictures a thread takes at a time: one by one, handing them out took as long as decoding
_NAMED = 5  # pictures named in a message; the rest are counted


@dataclass(frozen=True)
class DoctorReport:
    """What `check_pictures` found.

    Args:
        checked: number of pictures decoded.
        bad: undecodable pictures, each with its reason.
    """

    checked: int
    bad: tuple[tuple[Path, str], ...]

    def summary(self) -> str:
        """Return one line with the counts and the first names."""
        names = "; ".join(f"{printable(path)} ({reason})" for path, reason in self.bad[:_NAMED])
        more = f"; and {len(self.bad) - _NAMED} more" if len(self.bad) > _NAMED else ""
        return f"{len(self.bad)} of {self.checked} pictures cannot be decoded" + (f": {names}{more}" if names else "")


def _reason(path: Path, resize: int | None) -> str | None:
    try:
        raw = read_file(path)
        image = open_picture(io.BytesIO(raw))
        png = image.format == "PNG"
        if resize is not None and math.prod(size := resized_size(*image.size, resize)) > MAX_PIXELS:
            return f"{image.width}x{image.height} pixels is too narrow: {size[0]}x{size[1]} after resizing"
        to_rgb(image)
        return png_damage(raw) if png else None
    except Exception as error:  # whatever it is, it is the reason
        return reason_of(error)


def png_damage(content: bytes) -> str | None:
    """Return damage that Pillow decodes over: a wrong checksum or a missing end."""
    open_picture(io.BytesIO(content)).verify()
    return None if _PNG_END in content else "truncated PNG (no end chunk)"


def check_pictures(paths: Iterable[Path], workers: int | None = None, resize: int | None = None) -> DoctorReport:
    """Decode every picture, as training, evaluation and prediction do.

    Args:
        paths: picture files.
        workers: threads (Pillow decodes outside Python's lock); None takes the number of cores.
        resize: shorter side after the preprocessing's resize; a strip that would then be a bomb is refused.
    """
    files = list(paths)
    tasks = [files[start : start + _TASK] for start in range(0, len(files), _TASK)]
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        parts = pool.map(lambda task: [_reason(path, resize) for path in task], tasks)
        reasons = list(chain.from_iterable(parts))
    bad = tuple((path, reason) for path, reason in zip(files, reasons, strict=True) if reason)
    return DoctorReport(len(files), bad)


def check_splits(
    splits: Splits,
    on_bad_image: Literal["fail", "skip"] = "fail",
    workers: int | None = None,
    resize: int | None = None,
) -> Splits:
    """Decode all picture files of the splits before training.

    Args:
        splits: pictures in memory need no check.
        on_bad_image: fail raises; skip leaves the bad pictures out and logs their names and number.
        workers: threads.
        resize: shorter side after the preprocessing's resize.

    Returns:
        The splits without bad pictures.

    Raises:
        DataError: bad pictures under `fail`; under `skip`, a class of a split that has no good picture.
    """
    checked = {part.split: _check_split(part, on_bad_image, workers, resize) for part in splits}
    return replace(splits, train=checked["train"], val=checked["val"], test=checked.get("test"))


def _check_split(pictures: PictureSet, on_bad_image: str, workers: int | None, resize: int | None) -> PictureSet:
    if pictures.paths is None:
        return pictures
    report = check_pictures(pictures.paths, workers, resize)
    if not report.bad:
        return pictures
    if on_bad_image == "fail":
        raise DataError(f"{pictures.split}: {report.summary()}. Repair them, or set data.on_bad_image: skip")
    bad = {path for path, _ in report.bad}
    kept = pictures.subset([index for index, path in enumerate(pictures.paths) if path not in bad])
    for name, count in kept.class_counts().items():
        if count == 0:
            raise DataError(f"{pictures.split}: class {name!r} has no decodable picture")
    _log.warning("%s: %s; left out", pictures.split, report.summary())
    return kept
