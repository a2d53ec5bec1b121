"""Tables on a terminal stand straight whatever script the class names are in."""

from __future__ import annotations

import pytest

from common.columns import cells, padded
from common.intervals import wilson_interval
from common.results import ClassScore, EvaluationResult


@pytest.mark.parametrize(("text", "width"), [("Cans", 4), ("易拉罐", 6), ("ＡＢ", 4), ("缶 can", 6), ("", 0)])
def test_wide_characters_take_two_cells(text: str, width: int) -> None:
    assert cells(text) == width
    assert cells(padded(text, 9)) == 9


def test_scores_of_chinese_classes_stand_in_one_column() -> None:
    scores = tuple(ClassScore(name, 1.0, 0.5, 0.667, 3) for name in ("易拉罐", "Cans", "香蕉皮 peel"))
    result = EvaluationResult(9, 9, 1.0, 1.0, 0.0, wilson_interval(9, 9), 1.0, scores, ((3, 0), (0, 3)))

    _, *rows = result.table().splitlines()

    assert len({cells(row[: row.index("1.000")]) for row in rows}) == 1
