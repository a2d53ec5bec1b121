"""Exact copies of pictures, within a split and across splits."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import combinations

from common.errors import DataError
from common.names import printable
from datazoo.pictures import PictureSet, Splits, short_name

_log = logging.getLogger(__name__)


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
    for line in _told(splits, leaks):
        _log.warning("%s: its accuracy is inflated", line)
    return leaks


def log_contradictions(splits: Splits) -> int:
    """Log one warning about byte-identical pictures of different classes; return how many pictures that are."""
    first: dict[bytes, tuple[int, str]] = {}
    members: dict[bytes, list[str]] = {}
    for part in splits:
        for digest, label, file in zip(part.content_hashes(), part.labels.tolist(), part.file_keys, strict=False):
            known, name = first.setdefault(digest, (label, short_name(file)))
            if label != known:
                members.setdefault(digest, [name]).append(short_name(file))
    count = sum(map(len, members.values()))
    if members:
        example = " = ".join(map(printable, next(iter(members.values()))[:2]))
        _log.warning(
            "%d pictures are byte-identical to one of another class, the first is %s: a label of each is wrong; "
            "python -m datazoo.doctor names them all",
            count, example,
        )  # fmt: skip
    return count


def refuse_leaks(splits: Splits) -> None:
    """Refuse splits that share pictures.

    Raises:
        DataError: how many, and what to do.
    """
    if lines := _told(splits, leaks_between(splits)):
        raise DataError(
            "\n".join(lines) + "\ndata.on_leak: drop takes them out of training; python -m datazoo.doctor shows them"
        )


def drop_leaks(splits: Splits) -> Splits:
    """Take copies of test pictures out of val and train, and copies of val pictures out of train.

    Raises:
        DataError: a class that then has no picture to train on or to validate with.
    """
    later: set[bytes] = set()
    kept: dict[str, PictureSet] = {}
    for part in reversed(list(splits)):
        hashes = part.content_hashes()
        stays = [index for index, digest in enumerate(hashes) if digest not in later]
        if len(stays) < len(part):
            _log.warning(
                "%s: %d of %d pictures are copies of held-out ones; left out (data.on_leak: drop)",
                part.split, len(part) - len(stays), len(part),
            )  # fmt: skip
        kept[part.split] = part if len(stays) == len(part) else part.subset(stays)
        for name, count in kept[part.split].class_counts().items():
            if count == 0 and part.class_counts()[name]:
                raise DataError(f"data.on_leak: drop leaves class {name!r} without a picture in {part.split}")
        later.update(hashes)
    return replace(splits, train=kept["train"], val=kept["val"], test=kept.get("test"))


def held_out_parts(splits: Splits) -> list[PictureSet]:
    """Return what is evaluated at the end: val, test if there is one, and its unseen part if test leaks."""
    return [part for part in (splits.val, splits.test, unseen_part(splits)) if part is not None]


def unseen_part(splits: Splits) -> PictureSet | None:
    """Return the test pictures that neither train nor val holds, as the split `test_unseen`.

    Where val holds all of test, those that train does not hold. None where test does not leak, or where all of it does.
    """
    if splits.test is None or "test" not in splits.leaking:
        return None
    others = (splits.train,) if "test" in splits.chosen_on else (splits.train, splits.val)
    seen = {digest for part in others for digest in part.content_hashes()}
    unseen = [index for index, digest in enumerate(splits.test.content_hashes()) if digest not in seen]
    return splits.test.subset(unseen, "test_unseen") if unseen else None


def _told(splits: Splits, leaks: Mapping[tuple[str, str], int]) -> list[str]:
    sizes = {part.split: len(part) for part in splits}
    return [
        f"{count} of {sizes[second]} {second} pictures are copies of {first} pictures"
        for (first, second), count in leaks.items()
        if count
    ]
