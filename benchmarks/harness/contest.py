"""What a benchmark is, and how its contenders take turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Values = Mapping[str, float]
"""What one process cost: `cpu` and `wall` in the benchmark's unit, `memory` in MiB, and whatever else it told."""


@dataclass(frozen=True)
class Contender:
    """One side of a benchmark.

    Args:
        name: in the table.
        command: interpreter first; its last line may be a JSON object, whose numbers take the place of those that
            were measured from outside.
        module: a Python module that the interpreter must have; empty for none.
        processes: how many it is made of: each gets as many cores as there are threads.
    """

    name: str
    command: tuple[str, ...]
    module: str = ""
    processes: int = 1


@dataclass(frozen=True)
class Benchmark:
    """What is compared with what.

    Args:
        name: for --only; several cases may share it.
        case: what is done.
        ours: this project.
        peers: whom it is compared with; without any, its own figures are told.
        unit: of `cpu` and `wall`.
        metrics: the values whose ratios are told.
        files: what must be there.
        prepare: commands that run once before, not measured.
    """

    name: str
    case: str
    ours: Contender
    peers: tuple[Contender, ...] = ()
    unit: str = "s"
    metrics: tuple[str, ...] = ("cpu", "wall")
    files: tuple[Path, ...] = ()
    prepare: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Script:
    """A benchmark that lets its contenders take turns by itself; its JSON is kept as it is.

    Args:
        name: for --only.
        case: what is done.
        command: interpreter first; --rounds N is added.
        output: the file that it writes its JSON to; None if it prints it.
        files: what must be there.
        prepare: commands that run once before, not measured.
    """

    name: str
    case: str
    command: tuple[str, ...]
    output: Path | None = None
    files: tuple[Path, ...] = ()
    prepare: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Ratio:
    """Ours divided by a peer's in the same round, over the rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
        """Divide round by round: a machine that gets slower between rounds changes no ratio."""
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        return cls(statistics.median(ratios), min(ratios), max(ratios))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


@dataclass(frozen=True)
class Outcome:
    """A benchmark that was run.

    Args:
        benchmark: which.
        threads: of each process.
        rounds: values by contender, one for each round.
    """

    benchmark: Benchmark
    threads: int
    rounds: Mapping[str, Sequence[Values]]

    def of(self, contender: Contender, metric: str) -> list[float]:
        """One value for each round."""
        return [values[metric] for values in self.rounds[contender.name]]

    def ratio(self, peer: Contender, metric: str) -> Ratio:
        """Ours by a peer's."""
        return Ratio.of(self.of(self.benchmark.ours, metric), self.of(peer, metric))

    def as_json(self) -> dict[str, object]:
        """Everything that was measured, and the ratios."""
        benchmark = self.benchmark
        return {
            "benchmark": benchmark.name,
            "case": benchmark.case,
            "threads": self.threads,
            "unit": benchmark.unit,
            "ours": benchmark.ours.name,
            "rounds": {name: [dict(values) for values in rounds] for name, rounds in self.rounds.items()},
            "ratios": {
                peer.name: {metric: vars(self.ratio(peer, metric)) for metric in benchmark.metrics}
                for peer in benchmark.peers
            },
        }


def hold(benchmark: Benchmark, threads: int, rounds: int, measure: Callable[[Contender, int], Values]) -> Outcome:
    """Let the contenders take turns: ours, its peers, ours again, ...

    Args:
        benchmark: what to run.
        threads: of each process.
        rounds: how often each has its turn.
        measure: runs a contender with so many threads.
    """
    contenders = (benchmark.ours, *benchmark.peers)
    values: dict[str, list[Values]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            values[contender.name].append(measure(contender, threads))
    return Outcome(benchmark, threads, values)
