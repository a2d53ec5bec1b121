"""Runs of the same name put together, so that a recipe's number is its mean and range over seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report.flat_config import flat_config, shown_value
from report.run_values import Note, Run
from report.words import ENGLISH, Words

# Keys that may differ between the seeds of one recipe.
_OWN_TO_A_RUN = ("train.seed", "output_dir", "runtime.threads")


@dataclass(frozen=True)
class Spread:
    """Mean and range of a number over the runs where it was measured."""

    mean: float
    low: float
    high: float
    runs: int


@dataclass(frozen=True)
class Group:
    """Finished runs of one name, by seed."""

    name: str
    runs: tuple[Run, ...]

    @property
    def size(self) -> int:
        """How many runs there are."""
        return len(self.runs)

    @property
    def seeds(self) -> int:
        """How many different seeds there are."""
        return len({run.seed for run in self.runs})

    def spread(self, value: Callable[[Run], float | None]) -> Spread | None:
        """Mean and range of a value over the group; None where no run measured it."""
        known = [number for number in map(value, self.runs) if number is not None]
        if not known:
            return None
        return Spread(sum(known) / len(known), min(known), max(known), len(known))


@dataclass(frozen=True)
class Comparison:
    """What is compared: finished runs in groups, best first; the others apart; what a reader must know."""

    groups: tuple[Group, ...]
    unfinished: tuple[Run, ...]
    notes: tuple[Note, ...]

    @property
    def finished(self) -> list[Run]:
        """The runs of all groups, in their order."""
        return [run for group in self.groups for run in group.runs]

    @property
    def leaking_splits(self) -> tuple[str, ...]:
        """Names of the splits that leak in some run."""
        return tuple(sorted({e.split for run in self.finished for e in run.evaluations if e.leaking}))

    @property
    def choosing_splits(self) -> tuple[str, ...]:
        """Names of the splits other than val on which some run chose its checkpoint."""
        return tuple(sorted({e.split for run in self.finished for e in run.evaluations if e.chosen_on}))


def tell_apart(runs: Sequence[Run], word: Words = ENGLISH) -> dict[Path, str]:
    """Name every run: its name and seed, and as much of its folder as tells it from runs of the same name and seed."""
    labels: dict[Path, str] = {}
    for run in runs:
        label = run.label(word)
        twins = [other.path for other in runs if other.label(word) == label and other.path != run.path]
        parts, depth = run.path.parts, 1
        while any(twin.parts[-depth:] == parts[-depth:] for twin in twins) and depth < len(parts):
            depth += 1
        labels[run.path] = f"{label} ({Path(*parts[-depth:])})" if twins else label
    return labels


def recipe_differences(groups: Sequence[Group]) -> list[tuple[str, tuple[str, ...]]]:
    """The keys in which recipes differ, each with its value in every group's first run; "–" where there is none."""
    configs = [flat_config(group.runs[0].config) for group in groups]
    keys = sorted({key for config in configs[1:] for key in _differences(configs[0], config)} - {"name"})
    rows = [(key, tuple(shown_value(config.get(key)) for config in configs)) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]  # null is as good as not there


def clean_test_top1(run: Run) -> float | None:
    """Accuracy on the clean test split."""
    return run.clean_test.top1 if run.clean_test else None


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """Group finished runs by name and sort by clean test accuracy, then validation accuracy (means over seeds).

    Args:
        runs: any runs; those that are not finished are kept apart and take part in no mean.
    """
    names = dict.fromkeys(run.name for run in runs if run.finished)
    groups = [Group(name, tuple(sorted(_finished(runs, name), key=_seed_order))) for name in names]
    ordered = tuple(sorted(groups, key=_rank))
    unfinished = tuple(sorted((run for run in runs if not run.finished), key=Run.label))
    return Comparison(ordered, unfinished, tuple(_notes(ordered, unfinished)))


def _finished(runs: Sequence[Run], name: str) -> Iterator[Run]:
    return (run for run in runs if run.finished and run.name == name)


def _seed_order(run: Run) -> tuple[int, str]:
    return (-1 if run.seed is None else run.seed, run.path.name)


def _rank(group: Group) -> tuple[float, float, str]:
    test, val = group.spread(clean_test_top1), group.spread(lambda run: run.val_top1)
    return (-test.mean if test else 1.0, -val.mean if val else 1.0, group.name)


def _notes(groups: Sequence[Group], unfinished: Sequence[Run]) -> Iterator[Note]:
    if unfinished:
        yield Note("unfinished_apart", (len(unfinished),))
    for group in groups:
        if group.seeds < len(group.runs):
            yield Note("repeats", (group.name, len(group.runs), group.seeds))
        first = flat_config(group.runs[0].config)
        differing = {key for run in group.runs[1:] for key in _differences(first, flat_config(run.config))}
        if differing:
            yield Note("more_than_the_seed", (group.name, ", ".join(sorted(differing))))
        if any(run.clean_test is None for run in group.runs):
            count = sum(run.clean_test is None for run in group.runs)
            yield Note("without_clean_test", (group.name, count, len(group.runs)))
    sizes = {(run.clean_test.split, run.clean_test.n) for group in groups for run in group.runs if run.clean_test}
    if len(sizes) > 1:
        several = len({split for split, _ in sizes}) > 1
        named = (f"{split} n={n}" if several else f"n={n}" for split, n in sorted(sizes))
        yield Note("other_pictures", (", ".join(named),))


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    absent = object()
    keys = {**one, **other}
    return (key for key in keys if key not in _OWN_TO_A_RUN and one.get(key, absent) != other.get(key, absent))
