"""Pictures that cannot be decoded, and what becomes of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from common.errors import DataError
from common.names import printable
from datazoo.doctor.examine import examine_all
from datazoo.doctor.memory import PictureMemory
from datazoo.doctor.picture_check import PictureCheck
from datazoo.doctor.verdicts import Verdicts
from datazoo.packed import PictureFile
from datazoo.pictures import PictureSet, Splits
from datazoo.sources.split_names import TRAIN

_log = logging.getLogger(__name__)

_NAMED = 5  # pictures named in a message; the rest are counted


@dataclass(frozen=True)
class DoctorReport:
    """What `check_pictures` found.

    Args:
        checked: number of pictures decoded.
        bad: undecodable pictures, each with its reason.
    """

    checked: int
    bad: tuple[tuple[PictureFile, str], ...]

    def summary(self) -> str:
        """Return one line with the counts and the first names."""
        names = "; ".join(f"{printable(path)} ({reason})" for path, reason in self.bad[:_NAMED])
        more = f"; and {len(self.bad) - _NAMED} more" if len(self.bad) > _NAMED else ""
        return f"{len(self.bad)} of {self.checked} pictures cannot be decoded" + (f": {names}{more}" if names else "")


def check_pictures(paths: Iterable[Path], workers: int | None = None, resize: int | None = None) -> DoctorReport:
    """Decode every picture, as training, evaluation and prediction do.

    Args:
        paths: picture files.
        workers: threads (Pillow decodes outside Python's lock); None takes the number of cores.
        resize: shorter side after the preprocessing's resize; a strip that would then be a bomb is refused.
    """
    files = list(paths)
    found = Verdicts(len(files))
    for place, one in enumerate(chain.from_iterable(examine_all([str(path) for path in files], True, workers))):
        found.put(place, one)
    if resize:
        found.judge(resize)
    return DoctorReport(len(files), tuple((files[place], fault) for place, fault in sorted(found.faults.items())))


def check_splits(
    splits: Splits, on_bad_image: Literal["fail", "skip"] = "fail", check: PictureCheck | None = None
) -> Splits:
    """Look at all picture files of the splits before they are used.

    Args:
        splits: pictures in memory need no check.
        on_bad_image: fail raises; skip leaves the bad pictures out and logs their names and number.
        check: looks at the files; None decodes every file and remembers nothing.

    Returns:
        The splits without bad pictures, and with their content hashes.

    Raises:
        DataError: bad pictures under `fail`; under `skip`, a class of train or a whole split without a good picture.
    """
    check = check or PictureCheck(PictureMemory(None))
    checked = {part.split: _check_split(part, on_bad_image, check) for part in splits}
    check.log_summary()
    return replace(splits, train=checked["train"], val=checked["val"], test=checked.get("test"))


def _check_split(pictures: PictureSet, on_bad_image: str, check: PictureCheck) -> PictureSet:
    if pictures.files is None:
        return pictures
    pictures, bad = check.look(pictures)
    report = DoctorReport(len(pictures), bad)
    if not report.bad:
        return pictures
    if on_bad_image == "fail":
        raise DataError(f"{pictures.split}: {report.summary()}. Repair them, or set data.on_bad_image: skip")
    left_out = {path for path, _ in bad}
    kept = pictures.subset([index for index, path in enumerate(pictures.files or ()) if path not in left_out])
    before = pictures.class_counts()
    emptied = [printable(name) for name, count in kept.class_counts().items() if count == 0 and before[name]]
    if emptied and (pictures.split == TRAIN or not len(kept)):
        raise DataError(
            f"{pictures.split}: no picture of {', '.join(emptied[:_NAMED])} can be decoded: {report.summary()}\n"
            "repair or replace them, or remove the class; python -m datazoo.doctor shows them all"
        )
    _log.warning("%s: %s; left out", pictures.split, report.summary())
    if emptied:  # it has few pictures, and the hold-out took a bad one
        _log.warning(
            "%s: no picture of %s is left, which its scores say nothing about", pictures.split, ", ".join(emptied)
        )
    return kept
