"""Which picture is seen when, and by which rank: pure functions of seed and epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.errors import DataError


@dataclass(frozen=True)
class Shard:
    """Which part of the data one of several processes reads; the default reads all of it."""

    rank: int = 0
    world_size: int = 1


WHOLE = Shard()


def steps_per_epoch(pictures: int, global_batch: int) -> int:
    """Return the number of steps in which every picture is seen at least once.

    Raises:
        DataError: the global batch is larger than the data.
    """
    if global_batch > pictures:
        raise DataError(
            f"a batch of {global_batch} pictures (all ranks) is larger than the data ({pictures}); lower it"
        )
    return -(-pictures // global_batch)


def epoch_order(pictures: int, seed: int, epoch: int) -> np.ndarray:
    """Return the permutation of 0..pictures-1 of an epoch, int64."""
    return np.random.default_rng([seed, epoch]).permutation(pictures)


def rank_positions(pictures: int, batch_size: int, shard: Shard = WHOLE) -> np.ndarray:
    """Return the positions in the epoch's order that one rank reads, a row a step.

    Global batch k is positions [k*world_size*batch_size, (k+1)*world_size*batch_size); rank r takes its r-th part.
    Positions past the last picture stand for the epoch's first pictures again (position modulo pictures).

    Returns:
        int64 (steps, batch_size).
    """
    steps = steps_per_epoch(pictures, batch_size * shard.world_size)
    positions = np.arange(steps * shard.world_size * batch_size, dtype=np.int64)
    return positions.reshape(steps, shard.world_size, batch_size)[:, shard.rank]


def evaluation_rows(pictures: int, batch_size: int, shard: Shard = WHOLE) -> np.ndarray:
    """Return the pictures one rank evaluates, in order; -1 pads the last batches to a constant shape.

    Ranks take contiguous chunks and the same number of steps; together they see every picture exactly once.

    Returns:
        int64 (steps, batch_size).
    """
    chunk = -(-pictures // shard.world_size)
    steps = -(-chunk // batch_size)
    rows = np.full(steps * batch_size, -1, np.int64)
    mine = np.arange(shard.rank * chunk, min((shard.rank + 1) * chunk, pictures))
    rows[: len(mine)] = mine
    return rows.reshape(steps, batch_size)
