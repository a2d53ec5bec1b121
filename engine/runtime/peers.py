"""Says that other ranks have gone, where MindSpore names only the operator that waited for them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from common.door import first_meaningful_line
from common.errors import JobFailed, PeersLostError

_COLLECTIVES = re.compile(r"AllGather|AllReduce|Broadcast|ReduceScatter|Barrier|[Cc]ollective")


@contextlib.contextmanager
def naming_lost_ranks(rank: int, world_size: int) -> Iterator[None]:
    """Turn the error of a collective operator, inside the block, into one that says what has happened.

    Args:
        rank: of this process.
        world_size: all ranks; one by itself has none to lose.

    Raises:
        PeersLostError: a collective failed.
    """
    try:
        yield
    except RuntimeError as error:
        if world_size == 1 or isinstance(error, JobFailed) or not _COLLECTIVES.search(str(error)):
            raise
        raise PeersLostError(
            f"rank {rank} has lost the others: one of {world_size} ranks has ended, or the network to it; "
            f"its node's launcher says why ({first_meaningful_line(str(error))})"
        ) from error
