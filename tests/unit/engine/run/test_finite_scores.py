"""A score that is not finite is never the best, and any finite one beats it."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.train_section import EarlyStoppingConfig
from engine.run.best_epoch import BestEpoch
from engine.run.records import EpochRecord, Progress

Monitor = Literal["val_top1", "val_loss"]


def record(epoch: int, score: float | None) -> EpochRecord:
    return EpochRecord(epoch, epoch, 1.0, 0.5, 1.0, 1.0, 0.0, val_top1=score, val_loss=score)


@given(st.lists(st.floats() | st.none(), max_size=12), st.sampled_from(["val_top1", "val_loss"]))
def test_the_best_is_the_best_of_the_finite_scores(scores: list[float | None], monitor: Monitor) -> None:
    progress = Progress(99, 1, 1)
    judge = BestEpoch(EarlyStoppingConfig(monitor=monitor), progress)

    for epoch, score in zip(itertools.count(1), scores, strict=False):
        judge.judge(record(epoch, score))

    finite = [score for score in scores if score is not None and math.isfinite(score)]
    best = None if not finite else (min if monitor == "val_loss" else max)(finite)
    assert progress.best_score == best


@pytest.mark.parametrize("stored", [math.nan, math.inf, -math.inf])
def test_a_best_score_of_an_older_run_that_is_not_finite_is_beaten(stored: float) -> None:
    progress = Progress(99, 1, 1, best_score=stored, best_epoch=1)

    assert BestEpoch(EarlyStoppingConfig(monitor="val_loss"), progress).judge(record(2, 3.0))
    assert (progress.best_score, progress.best_epoch) == (3.0, 2)
