"""Finds what is wrong with pictures before training does: undecodable files, and copies across splits.

    python -m datazoo.doctor FOLDER

prints classes, counts, balance, bad pictures and duplicates of <FOLDER>/<split>/<class>/<picture>. It exits with 1 when
there are bad pictures, or pictures of one split that are also in another, and with 2 when FOLDER cannot be read.
"""

from __future__ import annotations

import argparse
import io
import logging
import math
import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, combinations
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import UnidentifiedImageError

from datazoo.decode import MAX_PIXELS, open_picture, to_rgb
from datazoo.errors import DataError
from datazoo.image_folder import scan
from datazoo.pictures import PictureSet, Splits
from datazoo.pillow_path import resized_size

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
        names = "; ".join(f"{path} ({reason})" for path, reason in self.bad[:_NAMED])
        more = f"; and {len(self.bad) - _NAMED} more" if len(self.bad) > _NAMED else ""
        return f"{len(self.bad)} of {self.checked} pictures cannot be decoded" + (f": {names}{more}" if names else "")


def _reason(path: Path, resize: int | None) -> str | None:
    try:
        with path.open("rb") as file:
            if not file.read(1):
                return "empty file"
            file.seek(0)
            image = open_picture(file)
            png = image.format == "PNG"
            if resize is not None and math.prod(size := resized_size(*image.size, resize)) > MAX_PIXELS:
                return f"{image.width}x{image.height} pixels is too narrow: {size[0]}x{size[1]} after resizing"
            to_rgb(image)
            if png:
                file.seek(0)
                return _png_damage(file.read())
    except UnidentifiedImageError:
        return "not a picture"
    # Decoders raise almost anything on damaged input; whatever it is, it is the reason.
    except Exception as error:
        return f"{error}" or type(error).__name__
    return None


def _png_damage(content: bytes) -> str | None:
    """Return what MindSpore's decoder, stricter than Pillow, refuses: a wrong checksum or a missing end."""
    open_picture(io.BytesIO(content)).verify()
    return None if _PNG_END in content else "truncated PNG (no end chunk)"


def check_pictures(paths: Iterable[Path], workers: int | None = None, resize: int | None = None) -> DoctorReport:
    """Decode every picture with Pillow; some damaged JPEGs would end the process inside MindSpore's decoder.

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
    return replace(splits, train=checked["train"], val=checked["val"], test=checked["test"])


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


def duplicates_within(pictures: PictureSet) -> int:
    """Return how many pictures are exact copies of an earlier one of the same split."""
    hashes = pictures.content_hashes()
    return len(hashes) - len(set(hashes))


def leaks_between(splits: Iterable[PictureSet]) -> dict[tuple[str, str], int]:
    """Count exact copies across splits.

    Args:
        splits: at least two.

    Returns:
        For every pair of splits, the number of pictures of the second that are byte-identical to one of the first.
    """
    hashes = {part.split: part.content_hashes() for part in splits}
    leaks = {}
    for first, second in combinations(hashes, 2):
        known = set(hashes[first])
        leaks[first, second] = sum(digest in known for digest in hashes[second])
    return leaks


def log_leaks(splits: Splits) -> dict[tuple[str, str], int]:
    """Log one warning for every pair of splits that shares pictures; return all counts."""
    leaks = leaks_between(splits)
    for (first, second), count in leaks.items():
        if count:
            total = next(len(part) for part in splits if part.split == second)
            _log.warning(
                "%d of %d %s pictures are copies of %s pictures: its accuracy is inflated", count, total, second, first
            )
    return leaks


def _describe(pictures: PictureSet) -> str:
    counts = np.array(list(pictures.class_counts().values()))
    balance = f"{counts.min()} to {counts.max()} a class"
    return (
        f"{pictures.split}: {len(pictures)} pictures, {balance}, {duplicates_within(pictures)} copies within the split"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report of a dataset folder; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m datazoo.doctor", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="dataset folder: <folder>/<split>/<class>/<picture>")
    parser.add_argument("--workers", type=int, default=None, help="threads")
    options = parser.parse_args(arguments)
    try:
        healthy = _print_report(options.folder, options.workers)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if healthy else 1


def _print_report(folder: Path, workers: int | None) -> bool:
    if not folder.is_dir():
        raise DataError(f"dataset folder {folder} does not exist")
    names = [entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    names.sort(key=lambda name: (["train", "val", "test"].index(name) if name in ("train", "val", "test") else 3, name))
    if not names:
        raise DataError(f"{folder} has no split folders (train, val, test)")
    parts, healthy = [], True
    for name in names:
        pictures, notes = scan(folder / name, name, None)
        parts.append(pictures)
        print(*notes, _describe(pictures), sep="\n")
        report = check_pictures(pictures.paths or (), workers)
        print(f"  {len(report.bad)} of {report.checked} cannot be decoded")
        for path, reason in report.bad:
            print(f"    {path}: {reason}")
        healthy &= not report.bad
    classes = {part.split: part.classes for part in parts}
    print(f"classes ({len(parts[0].classes)}): {', '.join(parts[0].classes)}")
    for name, found in classes.items():
        if found != parts[0].classes:
            different = sorted(set(found) ^ set(parts[0].classes))
            print(f"  {name} and {parts[0].split} differ in {len(different)} classes: {', '.join(different)}")
            healthy = False
    for (first, second), count in leaks_between(parts).items():
        total = len(parts[names.index(second)])
        print(f"{count} of {total} {second} pictures are copies of {first} pictures")
        healthy &= not count
    return healthy


if __name__ == "__main__":
    sys.exit(main())
