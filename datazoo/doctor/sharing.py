"""Sharing the look at picture files among ranks: each looks at its part and learns of all."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Sequence

import numpy as np

from common.errors import DataError
from common.names import printable
from datazoo.doctor.examine import NEIGHBOURS
from datazoo.doctor.verdicts import Verdicts
from datazoo.pictures import short_name
from datazoo.pipeline.picture_bytes import FileKey, identity_of
from datazoo.pipeline.ranks import Ranks

Look = Callable[[Sequence[FileKey]], Verdicts]

_SAMPLED = 256  # files whose inodes and times tell whether ranks see the same ones


def look_together(files: Sequence[FileKey], ranks: Ranks, look: Look) -> Verdicts:
    """Look at files such that ranks which see the same ones look at each once.

    Ranks on other hosts may have a copy of their own: those are looked at too, and have to hold the same.

    Args:
        files: paths; on every rank the same names in the same order.
        ranks: that take part.
        look: finds what is in files.

    Returns:
        What was found, the same on every rank.

    Raises:
        DataError: on every rank, if one sees other files.
    """
    if ranks.shard.world_size == 1:
        return look(files)
    groups = _groups(files, ranks)
    parts = {rank: part for group in groups for rank, part in zip(group, _dealt(len(files), len(group)), strict=True)}
    mine = look([files[place] for place in parts[ranks.shard.rank].tolist()])
    answers = ranks.gather(mine.packed())
    copies = [Verdicts(len(files)) for _ in groups]
    for group, copy in zip(groups, copies, strict=True):
        for rank in group:
            copy.fill(parts[rank], Verdicts.unpacked(answers[rank]))
        _compare(files, copies[0], copy, group[0])
        copies[0].faults = copy.faults | copies[0].faults
    return copies[0]


def _dealt(count: int, hands: int) -> list[np.ndarray]:
    """Deal places out, int64: neighbours together, as they lie in the database, and as many to each hand."""
    rounds = max(1, math.ceil(count / (NEIGHBOURS * hands)))
    turn = np.arange(count) // max(1, math.ceil(count / (rounds * hands))) % hands
    return [np.flatnonzero(turn == hand) for hand in range(hands)]


def _groups(files: Sequence[FileKey], ranks: Ranks) -> list[list[int]]:
    """Return the ranks that see the same files, each group in order, and the main rank's first."""
    names = hashlib.sha256("\0".join(map(short_name, files)).encode("utf-8", "surrogateescape"))
    sample = [identity_of(files[place]) for place in range(0, len(files), max(1, len(files) // _SAMPLED))]
    answers = ranks.gather(json.dumps([len(files), names.hexdigest(), sample]).encode())
    groups: dict[str, list[int]] = {}
    for rank, answer in enumerate(answers):
        count, listing, copy = json.loads(answer)
        groups.setdefault(json.dumps(copy), []).append(rank)
        if rank == 0:
            first = (count, listing)
        elif (count, listing) != first:
            raise DataError(
                f"the pictures of rank {rank} are not the main rank's: all ranks must read the same\n"
                f"rank 0: {first[0]} pictures, list {first[1][:16]}; rank {rank}: {count} pictures, list {listing[:16]}"
            )
    return list(groups.values())


def _compare(files: Sequence[FileKey], first: Verdicts, other: Verdicts, rank: int) -> None:
    faulty = first.faults.keys() | other.faults.keys()
    differ = np.flatnonzero((first.digests() != other.digests()).any(axis=1)).tolist()
    different = [files[place] for place in differ if place not in faulty]
    if different:
        named = printable(os.sep.join(str(different[0]).split(os.sep)[-2:]))
        raise DataError(
            f"{len(different)} pictures of rank {rank} hold other bytes than the main rank's, the first is "
            f"{named}: all ranks must read the same; copy the main rank's folder there"
        )
