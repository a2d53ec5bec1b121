"""Gathers requests that arrive close together into one call of the model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

MAX_WAITING = 64


class QueueFullError(RuntimeError):
    """More requests wait than will be answered in good time."""


class MicroBatcher:
    """A queue in front of a model.

    A request that finds the model idle starts at once; those that come while it computes are answered together.

    Args:
        compute: (N inputs) to N rows of results, in order; called in one thread of its own.
        max_batch: most inputs of one call.
        max_waiting: most inputs that wait.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[np.ndarray]], np.ndarray],
        max_batch: int = 16,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._compute = compute
        self._max_batch = max_batch
        self._queue: asyncio.Queue[tuple[np.ndarray, asyncio.Future[np.ndarray]]] = asyncio.Queue(max_waiting)
        self._thread = ThreadPoolExecutor(1, "model")
        self._worker: asyncio.Task[None] | None = None
        self.batches = 0
        self.inputs = 0

    @property
    def waiting(self) -> int:
        """Inputs in the queue."""
        return self._queue.qsize()

    def start(self) -> None:
        """Start answering; call inside the event loop."""
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Stop answering."""
        if self._worker is not None:
            self._worker.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, prepared: np.ndarray) -> np.ndarray:
        """Return one input's row of results.

        Raises:
            QueueFullError: too many wait.
        """
        result: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((prepared, result))
        except asyncio.QueueFull as error:
            raise QueueFullError(f"{self._queue.maxsize} pictures are waiting already") from error
        return await result

    async def _work(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < self._max_batch and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            inputs = [prepared for prepared, _ in batch]
            try:
                rows = await asyncio.get_running_loop().run_in_executor(self._thread, self._compute, inputs)
            except Exception as error:  # the request fails, the server goes on
                self._fail(batch, error)
                continue
            self.batches += 1
            self.inputs += len(batch)
            for (_, result), row in zip(batch, rows, strict=True):
                if not result.done():
                    result.set_result(row)

    @staticmethod
    def _fail(batch: Sequence[tuple[np.ndarray, asyncio.Future[np.ndarray]]], error: Exception) -> None:
        for _, result in batch:
            if not result.done():
                result.set_exception(error)
