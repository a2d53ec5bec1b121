"""Outcomes as rows of a Markdown table."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benchmarks.harness.contest import Outcome

METRICS = ("cpu", "wall", "memory")
HEAD = "| benchmark | threads | ours | compared with | CPU time | wall time | memory |\n|---|---|---|---|---|---|---|"


def rows(outcome: Outcome) -> Iterator[str]:
    """One row for each peer, or a single one of our own figures."""
    benchmark = outcome.benchmark
    start = f"| {benchmark.name}: {benchmark.case} | {outcome.threads} | {_own(outcome)} |"
    for peer in benchmark.peers:
        told = [str(outcome.ratio(peer, metric)) if metric in benchmark.metrics else "" for metric in METRICS]
        yield f"{start} {peer.name} | {' | '.join(told)} |"
    if not benchmark.peers:
        yield f"{start} | | | |"


def _own(outcome: Outcome) -> str:
    """Medians, each with its unit."""
    benchmark = outcome.benchmark
    told = []
    for metric in benchmark.metrics:
        median = statistics.median(outcome.of(benchmark.ours, metric))
        told.append(f"{median:.0f} MiB" if metric == "memory" else f"{median:.3g} {benchmark.unit} {metric}")
    return ", ".join(told)
