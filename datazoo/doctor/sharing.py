"""Sharing the look at picture files among ranks: each looks at its part and learns of all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import DataError
from common.names import printable
from datazoo.doctor.examine import FileKey, Finding, Identity
from datazoo.pipeline.order import WHOLE, Shard

Look = Callable[[Sequence[FileKey], Sequence[Identity | None]], list[Finding]]


@dataclass(frozen=True)
class Ranks:
    """The processes of a job; the default is one alone.

    Args:
        shard: which of how many this one is.
        gather: gives every rank's bytes, in rank order; all ranks call it the same number of times.
    """

    shard: Shard = WHOLE
    gather: Callable[[bytes], list[bytes]] = lambda content: [content]


ALONE = Ranks()


def look_together(files: Sequence[FileKey], seen: Sequence[Identity | None], ranks: Ranks, look: Look) -> list[Finding]:
    """Look at files such that ranks which see the same ones look at each once.

    Ranks on other hosts may have a copy of their own: those are looked at too, and have to hold the same.

    Args:
        files: paths; on every rank the same names in the same order.
        seen: their identities.
        ranks: that take part.
        look: finds what is in files.

    Returns:
        What was found, the same on every rank.

    Raises:
        DataError: on every rank, if one sees other files.
    """
    if ranks.shard.world_size == 1:
        return look(files, seen)
    groups = _groups(files, seen, ranks)
    mine = next(group for group in groups if ranks.shard.rank in group)
    place = slice(mine.index(ranks.shard.rank), None, len(mine))
    parts = [_unpacked(part) for part in ranks.gather(_packed(look(files[place], seen[place])))]
    copies = [_joined([parts[rank] for rank in group], len(files)) for group in groups]
    for group, copy in zip(groups[1:], copies[1:], strict=True):
        _compare(files, copies[0], copy, group[0])
    return [_worst(of_one_file) for of_one_file in zip(*copies, strict=True)]


def _groups(files: Sequence[FileKey], seen: Sequence[Identity | None], ranks: Ranks) -> list[list[int]]:
    """Return the ranks that see the same files, each group in order, and the main rank's first."""
    names = hashlib.sha256()
    for file in files:
        names.update(b"/".join(os.fsencode(str(file)).split(b"/")[-2:]) + b"\0")
    answers = ranks.gather(json.dumps([len(files), names.hexdigest(), _digest(seen)]).encode())
    groups: dict[str, list[int]] = {}
    for rank, answer in enumerate(answers):
        count, listing, copy = json.loads(answer)
        groups.setdefault(copy, []).append(rank)
        if rank == 0:
            first = (count, listing)
        elif (count, listing) != first:
            raise DataError(
                f"the pictures of rank {rank} are not the main rank's: all ranks must read the same\n"
                f"rank 0: {first[0]} pictures, list {first[1][:16]}; rank {rank}: {count} pictures, list {listing[:16]}"
            )
    return list(groups.values())


def _digest(seen: Sequence[Identity | None]) -> str:
    return hashlib.sha256("\n".join(map(str, seen)).encode()).hexdigest()


def _packed(findings: list[Finding]) -> bytes:
    """Write findings: a line of JSON with what is rare, then 32 bytes of hash each, then the sizes."""
    rare = {
        place: [found.sha256 is not None, found.fault]
        for place, found in enumerate(findings)
        if found.sha256 is None or found.fault is not None
    }
    decoded = all(found.decoded for found in findings)
    hashes = b"".join(found.sha256 or bytes(32) for found in findings)
    sizes = np.array([found.size or (0, 0) for found in findings], "<i4").tobytes()
    return json.dumps([len(findings), decoded, rare]).encode() + b"\n" + hashes + sizes


def _unpacked(content: bytes) -> list[Finding]:
    head, _, rest = content.partition(b"\n")
    count, decoded, rare = json.loads(head)
    sizes = np.frombuffer(rest[32 * count :], "<i4").reshape(-1, 2).tolist()
    findings = [
        Finding(rest[32 * place : 32 * place + 32], (size[0], size[1]) if size[0] else None, decoded=decoded)
        for place, size in enumerate(sizes)
    ]
    for key, (readable, fault) in rare.items():
        found = findings[int(key)]
        findings[int(key)] = found._replace(sha256=found.sha256 if readable else None, fault=fault)
    return findings


def _joined(parts: list[list[Finding]], count: int) -> list[Finding]:
    found = [Finding(None)] * count
    for place, part in enumerate(parts):
        found[place :: len(parts)] = part
    return found


def _compare(files: Sequence[FileKey], first: list[Finding], other: list[Finding], rank: int) -> None:
    different = [
        file
        for file, a, b in zip(files, first, other, strict=True)
        if a.sha256 != b.sha256 and a.fault is None and b.fault is None
    ]
    if different:
        named = printable(os.sep.join(str(different[0]).split(os.sep)[-2:]))
        raise DataError(
            f"{len(different)} pictures of rank {rank} hold other bytes than the main rank's, the first is "
            f"{named}: all ranks must read the same; copy the main rank's folder there"
        )


def _worst(findings: tuple[Finding, ...]) -> Finding:
    return next((found for found in findings if found.fault is not None), findings[0])
