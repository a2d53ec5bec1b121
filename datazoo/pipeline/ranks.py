"""The processes of a job, as those see them that share work among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from datazoo.pipeline.order import WHOLE, Shard


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
