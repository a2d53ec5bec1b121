"""Work done ahead by threads, its results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def map_ahead(function: Callable[[ItemT], ResultT], items: Iterable[ItemT], threads: int) -> Iterator[ResultT]:
    """Yield the function's result for every item, in order, while threads work on the items that come next.

    At most two items a thread are taken before their result is asked for, however many there are.

    Args:
        function: called by several threads; what it raises is raised where its result would have come.
        items: taken in the caller's thread.
        threads: with one, nothing is done ahead.
    """
    if threads <= 1:
        yield from map(function, items)
        return
    waiting: deque[Future[ResultT]] = deque()
    remaining = iter(items)
    pool = ThreadPoolExecutor(threads, "ahead")
    try:
        waiting.extend(pool.submit(function, item) for item in islice(remaining, 2 * threads))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(remaining, 1))
            yield result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
