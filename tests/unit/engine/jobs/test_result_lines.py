"""A line about a result says why its figure is not to be trusted."""

from __future__ import annotations

import numpy as np
import pytest

from common.results import EvaluationResult
from datazoo.pictures import PictureSet, Splits
from engine.jobs.result_lines import result_line

RESULT = EvaluationResult(4, 3, 0.75, 1.0, 0.5, (0.3, 0.95), 0.7, (), ())


def pictures(split: str) -> PictureSet:
    return PictureSet(split, ("cat", "dog"), np.zeros(4, np.int32), arrays=np.zeros((4, 8, 8, 1), np.uint8))


@pytest.mark.parametrize(
    ("leaking", "chosen_on", "said"),
    [
        ((), (), "test: "),
        (("test",), (), "test (LEAKING: holds training pictures): "),
        ((), ("test",), "test (CHOSEN ON TEST: val holds all of its pictures): "),
        (
            ("test",),
            ("test",),
            "test (LEAKING: holds training pictures; CHOSEN ON TEST: val holds all of its pictures): ",
        ),
        (("val",), ("val",), "test: "),
    ],
)
def test_the_line_of_a_split_names_what_makes_it_too_good(
    leaking: tuple[str, ...], chosen_on: tuple[str, ...], said: str
) -> None:
    splits = Splits(
        pictures("train"),
        pictures("val"),
        pictures("test"),
        leaking=frozenset(leaking),
        chosen_on=frozenset(chosen_on),
    )
    assert result_line("test", RESULT, splits).startswith(f"{said}top-1 75.00%")
