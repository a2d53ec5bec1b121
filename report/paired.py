"""Two runs on the same pictures: which of them is right where the other is not, and whether that may be chance.

Source: McNemar, 1947, "Note on the sampling error of the difference between correlated proportions"; its exact form is
a binomial test over the pictures that one of the two got right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from report.predictions import Prediction, read_predictions
from report.run_values import Note, Run


@dataclass(frozen=True)
class PairedTest:
    """The exact McNemar test of two runs.

    Args:
        label: of the run.
        reference: of the run that it is held against.
        split: whose pictures both were shown.
        n: number of pictures.
        only_run: pictures that the run alone got right.
        only_reference: pictures that the reference alone got right.
        p_value: how often chance makes a difference as large, two-sided.
    """

    label: str
    reference: str
    split: str
    n: int
    only_run: int
    only_reference: int
    p_value: float

    @property
    def difference(self) -> float:
        """Top-1 of the run less that of the reference."""
        return (self.only_run - self.only_reference) / self.n


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of the exact McNemar test.

    Args:
        only_first: pictures that the first alone got right.
        only_second: pictures that the second alone got right.

    Example:
        >>> round(mcnemar(1, 8), 4)
        0.0391
    """
    from scipy.stats import binomtest

    differing = only_first + only_second
    return 1.0 if differing == 0 else float(binomtest(only_first, differing, 0.5).pvalue)


def paired_tests(runs: Sequence[Run], labels: Mapping[Path, str]) -> tuple[list[PairedTest], list[Note]]:
    """Hold every run against the first one.

    Args:
        runs: the best first; their clean test split is compared, or val where there is none.
        labels: what each is called.

    Returns:
        The tests, and a note for each run that cannot be tested.

    Raises:
        ReportError: damaged predictions.
    """
    if len(runs) < 2:
        return [], []
    tests: list[PairedTest] = []
    notes: list[Note] = []
    reference, *others = runs
    for run in others:
        shown = run.clean_test or run.val
        pair = None if shown is None else _same_pictures(run, reference, shown.split)
        if shown is None or pair is None:
            notes.append(Note("untested", (labels[run.path], labels[reference.path])))
            continue
        verdicts = [(one.is_right, other.is_right) for one, other in zip(*pair, strict=True)]
        first, second = verdicts.count((True, False)), verdicts.count((False, True))
        p_value = mcnemar(first, second)
        test = PairedTest(labels[run.path], labels[reference.path], shown.split, len(verdicts), first, second, p_value)
        tests.append(test)
    return tests, notes


def _same_pictures(run: Run, reference: Run, split: str) -> tuple[tuple[Prediction, ...], ...] | None:
    """The predictions of both, picture by picture; None where one has none or they are of other pictures."""
    one, other = (read_predictions(each.path, split) for each in (run, reference))
    if not one or not other or [p.label for p in one] != [p.label for p in other]:
        return None
    prints = [_fingerprint(each, split) for each in (run, reference)]
    known = None not in prints
    same = prints[0] == prints[1] if known else [p.path for p in one] == [p.path for p in other]
    return (one, other) if same else None


def _fingerprint(run: Run, split: str) -> str | None:
    """SHA-256 of a split's pictures, labels and order; None where the run does not tell it."""
    try:
        return str(json.loads((run.path / "data.json").read_text(encoding="utf-8"))["splits"][split]["content"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
