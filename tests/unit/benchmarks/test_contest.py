"""Contenders take turns, and ratios are of one round."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness.contest import Benchmark, Contender, Ratio, Values, hold

OURS, FAST, SLOW = (Contender(name, (name,)) for name in ("ours", "fast", "slow"))
SECONDS = st.floats(1e-3, 1e3)


def test_every_round_lets_each_have_its_turn() -> None:
    turns: list[tuple[str, int]] = []

    def measure(contender: Contender, threads: int) -> Values:
        turns.append((contender.name, threads))
        return {"cpu": 1.0, "wall": 1.0}

    hold(Benchmark("b", "case", OURS, (FAST, SLOW)), 2, 3, measure)
    assert turns == [("ours", 2), ("fast", 2), ("slow", 2)] * 3


def test_a_ratio_is_the_median_of_the_rounds_ratios_and_not_the_ratio_of_medians() -> None:
    # Ours by theirs: 0.5, 2 and 0.25. The medians alone, 4 and 4, would say 1.
    assert Ratio.of([1, 8, 4], [2, 4, 16]) == Ratio(median=0.5, least=0.25, most=2.0)


@given(st.lists(st.tuples(SECONDS, SECONDS, SECONDS), min_size=1, max_size=9))
def test_a_machine_that_slows_down_between_rounds_changes_no_ratio(rounds: list[tuple[float, float, float]]) -> None:
    ours, theirs, load = zip(*rounds, strict=True)
    quiet = Ratio.of(ours, theirs)
    busy = Ratio.of(
        [a * c for a, c in zip(ours, load, strict=True)], [b * c for b, c in zip(theirs, load, strict=True)]
    )
    assert vars(busy) == pytest.approx(vars(quiet))


@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=9))
def test_the_median_lies_between_the_least_and_the_most(rounds: list[tuple[float, float]]) -> None:
    ours, theirs = zip(*rounds, strict=True)
    ratio = Ratio.of(ours, theirs)
    assert ratio.least <= ratio.median <= ratio.most
    assert ratio.median == statistics.median(a / b for a, b in rounds)


def test_json_holds_every_value_and_every_ratio() -> None:
    values = iter([{"cpu": 1.0, "wall": 2.0, "memory": 9.0}, {"cpu": 4.0, "wall": 4.0, "memory": 3.0}])
    outcome = hold(Benchmark("b", "case", OURS, (FAST,), unit="ms"), 1, 1, lambda contender, threads: next(values))
    assert outcome.as_json() == {
        "benchmark": "b",
        "case": "case",
        "threads": 1,
        "unit": "ms",
        "ours": "ours",
        "rounds": {
            "ours": [{"cpu": 1.0, "wall": 2.0, "memory": 9.0}],
            "fast": [{"cpu": 4.0, "wall": 4.0, "memory": 3.0}],
        },
        "ratios": {
            "fast": {
                "cpu": {"median": 0.25, "least": 0.25, "most": 0.25},
                "wall": {"median": 0.5, "least": 0.5, "most": 0.5},
            }
        },
    }
