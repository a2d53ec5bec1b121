"""The queue in front of the model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from deploy.use.batching import MicroBatcher, QueueFullError


def test_requests_that_wait_are_answered_by_one_call_each_with_its_own_row() -> None:
    sizes: list[int] = []
    first_may_end = threading.Event()

    def compute(inputs: Sequence[np.ndarray]) -> np.ndarray:
        sizes.append(len(inputs))
        if len(sizes) == 1:
            first_may_end.wait(5)
        return np.stack(inputs) * 10

    async def ask() -> list[int]:
        batcher = MicroBatcher(compute, max_batch=4)
        batcher.start()
        first = asyncio.create_task(batcher(np.array([0])))
        while not sizes:
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(batcher(np.array([i]))) for i in range(1, 7)]
        await asyncio.sleep(0)
        first_may_end.set()
        rows = await asyncio.gather(first, *others)
        await batcher.stop()
        return [int(row[0]) for row in rows]

    assert asyncio.run(ask()) == [0, 10, 20, 30, 40, 50, 60]
    assert sizes == [1, 4, 2]


def test_a_call_that_fails_fails_its_requests_only() -> None:
    calls: list[int] = []

    def compute(inputs: Sequence[np.ndarray]) -> np.ndarray:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("broken")
        return np.stack(inputs)

    async def ask() -> int:
        batcher = MicroBatcher(compute)
        batcher.start()
        with pytest.raises(RuntimeError, match="broken"):
            await batcher(np.array([1]))
        row = await batcher(np.array([2]))
        await batcher.stop()
        return int(row[0])

    assert asyncio.run(ask()) == 2


def test_a_full_queue_refuses() -> None:
    async def ask() -> None:
        batcher = MicroBatcher(lambda inputs: np.stack(inputs), max_waiting=1)
        waiting = asyncio.create_task(batcher(np.array([1])))
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError, match="1 pictures are waiting"):
            await batcher(np.array([2]))
        waiting.cancel()

    asyncio.run(ask())
