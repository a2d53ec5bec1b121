"""The closed forms against simulations, published numbers and limits."""

import math
import random
import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from benchmarks import cluster_model as model

WORK = model.Workload(gradient_bytes=14_019_488, checkpoint_bytes=28_175_424)
CLUSTER = model.Cluster()


def simulate_ring(ranks: int, chunks: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """A ring all-reduce step by step; chunks are (rank, chunk). Returns them, and how many each rank sent."""
    values, sent = chunks.copy(), [0] * ranks
    for phase in ("reduce-scatter", "all-gather"):
        for turn in range(ranks - 1):
            before = values.copy()
            for rank in range(ranks):
                after, chunk = (rank + 1) % ranks, (rank - turn + (phase == "all-gather")) % ranks
                values[after, chunk] = before[rank, chunk] + (before[after, chunk] if phase == "reduce-scatter" else 0)
                sent[rank] += 1
    return values, sent


@pytest.mark.parametrize("ranks", [2, 3, 4, 7])
def test_a_ring_sends_what_a_ring_sends(ranks: int) -> None:
    chunks = np.random.default_rng(ranks).integers(0, 100, (ranks, ranks))

    values, sent = simulate_ring(ranks, chunks)

    assert (values == chunks.sum(0)).all()
    assert model.ring_bytes(1.0, ranks) == pytest.approx(sent[0] / ranks)
    assert model.ring_seconds(0.0, ranks, 1.0, latency=1.0) == sent[0]


def test_one_rank_sends_nothing() -> None:
    assert model.ring_seconds(1e9, 1, 1.0, 1.0) == model.halving_doubling_seconds(1e9, 1, 1.0, 1.0) == 0.0


@given(st.integers(2, 4096), st.floats(0, 1e9), st.floats(1e6, 1e12), st.floats(0, 1))
def test_halving_and_doubling_moves_a_ring_s_bytes_in_no_more_messages(
    ranks: int, size: float, bandwidth: float, latency: float
) -> None:
    ring, other = (f(size, ranks, bandwidth, latency) for f in (model.ring_seconds, model.halving_doubling_seconds))

    assert other <= ring * (1 + 1e-12)
    assert model.halving_doubling_seconds(size, 2, bandwidth, latency) == model.ring_seconds(
        size, 2, bandwidth, latency
    )


@pytest.mark.parametrize(("mebibytes", "milliseconds"), [(8, 1.77), (16, 1.94)])
def test_a_node_takes_what_huawei_s_tester_took(mebibytes: int, milliseconds: float) -> None:
    seconds = model.all_reduce_seconds(mebibytes * 2**20, 8, CLUSTER)

    assert 1e3 * seconds == pytest.approx(milliseconds, rel=0.01)


@pytest.mark.parametrize(
    ("ranks", "published"), [(1, 0.0), (2, 0.5642), (5, 1.1630), (10, 1.5388), (100, 2.5076), (1000, 3.2414)]
)
def test_the_slowest_of_many_is_as_slow_as_tables_of_order_statistics_say(ranks: int, published: float) -> None:
    assert model.expected_maximum(ranks) == pytest.approx(published, abs=0.03)


def test_storage_is_the_limit_beyond_the_cards_that_it_feeds_and_then_sets_the_rate() -> None:
    cards = model.most_cards_fed(WORK, CLUSTER)

    few, many = model.step(WORK, CLUSTER, int(0.9 * cards)), model.step(WORK, CLUSTER, int(2 * cards))

    assert few.limit != "storage"
    assert many.limit == "storage"
    pictures = int(2 * cards) * WORK.batch / many.seconds
    assert pictures * WORK.picture_bytes == pytest.approx(CLUSTER.storage_bandwidth)


# -- failures: hours of a machine that fails every 5 hours; the effects are as large as on thousands of cards ---------
CHECKPOINT, RESTART, MTBF = 0.05, 0.3, 5.0


def simulated_hours(interval: float, segments: int, seed: int) -> float:
    """How long so many intervals of work take when failures come at random, in restarts too."""
    chance, clock = random.Random(seed), 0.0
    for _ in range(segments):
        needed = interval + CHECKPOINT
        while (failure := chance.expovariate(1 / MTBF)) < needed:
            clock, needed = clock + failure, RESTART + interval + CHECKPOINT
        clock += needed
    return clock


@pytest.mark.parametrize("interval", [0.2, 0.7, 3.0])
def test_the_useful_share_is_that_of_a_simulation(interval: float) -> None:
    hours = simulated_hours(interval, 40_000, seed=1)

    share = model.useful_share(interval, CHECKPOINT, RESTART, MTBF)

    assert share == pytest.approx(40_000 * interval / hours, rel=0.02)


@pytest.mark.parametrize("interval", [0.2, 0.7, 3.0])
def test_what_a_failure_costs_is_that_of_a_simulation(interval: float) -> None:
    chance, span = random.Random(2), interval + CHECKPOINT
    failures = (chance.expovariate(1 / MTBF) for _ in range(200_000))
    lost = statistics.fmean(failure for failure in failures if failure < span)

    assert model.lost_by_failure(interval, CHECKPOINT, RESTART, MTBF) == pytest.approx(lost + RESTART, rel=0.02)


def test_a_machine_that_hardly_fails_loses_its_checkpoints_alone() -> None:
    assert model.useful_share(9.0, 1.0, 1.0, 1e9) == pytest.approx(0.9, rel=1e-6)
    assert model.lost_by_failure(9.0, 1.0, 1.0, 1e6) == pytest.approx(5.0 + 1.0, rel=1e-3)


@pytest.mark.parametrize("checkpoint", [1e-4, 0.05, 1.0, 4.0])
def test_daly_s_interval_loses_no_more_than_the_best_one_found_by_search(checkpoint: float) -> None:
    def share(interval: float) -> float:
        return model.useful_share(interval, checkpoint, RESTART, MTBF)

    best = minimize_scalar(lambda interval: -share(interval), bounds=(1e-3, 10 * MTBF), method="bounded")

    assert share(model.daly_interval(checkpoint, MTBF)) == pytest.approx(-best.fun, rel=2e-3)


def test_young_s_interval_is_daly_s_where_checkpoints_are_quick() -> None:
    assert model.daly_interval(1e-6, MTBF) == pytest.approx(model.young_interval(1e-6, MTBF), rel=1e-3)
    assert model.young_interval(2.0, 100.0) == 20.0


def test_where_a_checkpoint_takes_longer_than_the_machine_lasts_the_interval_is_its_life() -> None:
    assert model.daly_interval(2 * MTBF, MTBF) == MTBF


@pytest.mark.slow
def test_bytes_are_those_of_the_published_number_of_parameters() -> None:
    parameters, statistics_of_batchnorm = 3_504_872, 2 * 17_056  # torchvision's mobilenet_v2

    gradient, checkpoint = model.counted_bytes("mobilenetv2", 1000)

    assert gradient == 4 * parameters == WORK.gradient_bytes
    assert checkpoint == 4 * (2 * parameters + statistics_of_batchnorm) == WORK.checkpoint_bytes


def table_rows(rows: Iterator[object]) -> list[str]:
    return model.markdown(rows).splitlines()[2:]  # type: ignore[arg-type]


@pytest.mark.parametrize("page", ["docs/scaling.md", "docs/scaling_CN.md"])
def test_the_page_shows_what_the_model_says(page: str) -> None:
    text = (Path(__file__).parents[3] / page).read_text(encoding="utf-8")

    for row in table_rows(model.step_table(WORK, CLUSTER)) + table_rows(model.failure_table(WORK, CLUSTER)):
        assert row in text


def test_every_value_says_where_it_is_from() -> None:
    rows = table_rows(model.assumptions(WORK, CLUSTER))

    assert len(rows) == 18
    assert all(cell.strip() for row in rows for cell in row.strip("|").split("|"))
    assert math.isfinite(sum(float(row.split("|")[2].replace(",", "")) for row in rows))
