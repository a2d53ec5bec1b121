"""Every picture is seen, by exactly one rank, whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import DataError
from datazoo.pipeline.order import Shard, epoch_order, evaluation_rows, rank_positions, steps_per_epoch

SIZES = st.integers(1, 5)


@given(pictures=st.integers(1, 200), batch=st.integers(1, 17), size=SIZES)
def test_ranks_together_read_what_one_rank_reads(pictures: int, batch: int, size: int) -> None:
    if batch * size > pictures:
        with pytest.raises(DataError, match="larger than the data"):
            rank_positions(pictures, batch, Shard(0, size))
        return
    alone = rank_positions(pictures, batch * size)

    parts = [rank_positions(pictures, batch, Shard(rank, size)) for rank in range(size)]

    np.testing.assert_array_equal(np.concatenate(parts, axis=1), alone)
    assert set((alone % pictures).ravel()) == set(range(pictures))
    assert len(alone) == steps_per_epoch(pictures, batch * size)


@given(pictures=st.integers(1, 200), batch=st.integers(1, 17), size=SIZES)
def test_evaluation_sees_every_picture_once_in_order(pictures: int, batch: int, size: int) -> None:
    parts = [evaluation_rows(pictures, batch, Shard(rank, size)) for rank in range(size)]

    rows = np.concatenate([part.ravel() for part in parts])

    np.testing.assert_array_equal(rows[rows >= 0], np.arange(pictures))
    assert len({part.shape for part in parts}) == 1


@given(pictures=st.integers(1, 200), seed=st.integers(0, 2**32), epoch=st.integers(0, 1000))
def test_order_is_a_permutation_fixed_by_seed_and_epoch(pictures: int, seed: int, epoch: int) -> None:
    order = epoch_order(pictures, seed, epoch)

    np.testing.assert_array_equal(np.sort(order), np.arange(pictures))
    np.testing.assert_array_equal(order, epoch_order(pictures, seed, epoch))
