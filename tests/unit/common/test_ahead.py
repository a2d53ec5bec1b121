import threading
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.ahead import map_ahead


@given(st.lists(st.integers()), st.integers(1, 5))
def test_the_results_come_in_the_order_of_the_items(items: list[int], threads: int) -> None:
    assert list(map_ahead(lambda item: item * item, items, threads)) == [item * item for item in items]


def test_no_more_than_two_items_a_thread_are_taken_before_they_are_asked_for() -> None:
    taken = count()
    results = map_ahead(lambda item: item, (next(taken) for _ in count()), threads=3)

    first = list(islice(results, 4))

    assert first == [0, 1, 2, 3]
    assert next(taken) <= 4 + 6


def test_an_error_comes_where_its_result_would_have() -> None:
    results = map_ahead(lambda item: 1 // item, [1, 1, 0, 1], threads=2)

    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_several_threads_work_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=20)

    assert len(list(map_ahead(lambda _: meeting.wait(), range(2), threads=2))) == 2
