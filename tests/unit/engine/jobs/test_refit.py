"""When a kept head is solved again on train and val."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mindspore import nn

from datazoo.features.cache import CachedFeatures, joined
from datazoo.pictures import PictureSet, Splits
from engine.config import load_config
from engine.jobs.refit import make_refit
from engine.run.pictures_flag import OWN_PICTURES
from engine.runtime.start import Runtime


def splits(*made: str) -> Splits:
    train, val = (
        PictureSet(name, ("a", "b"), np.arange(count) % 2, arrays=np.zeros((count, 2, 2, 1), np.uint8))
        for name, count in (("train", 6), ("val", 2))
    )
    return Splits(train, val, None, made=made)


def test_val_that_was_held_out_by_us_is_solved_on_in_the_end() -> None:
    refit = make_refit(load_config(OWN_PICTURES), splits("val", "test"), nn.Cell(), Runtime("CPU"), None)

    assert refit is not None
    assert refit.pictures == {"train": 6, "val": 2}


@pytest.mark.parametrize(
    ("overrides", "made", "reason"),
    [
        ({}, (), "a val split of their own"),
        ({"train.epochs": "3"}, ("val",), "the head is trained"),
        ({"data.features.enabled": "false"}, ("val",), "no solved head on cached features"),
    ],
)
def test_where_there_is_no_refit_one_line_says_why(
    overrides: dict[str, str], made: tuple[str, ...], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert make_refit(load_config(OWN_PICTURES, overrides), splits(*made), nn.Cell(), Runtime("CPU"), None) is None

    assert reason in caplog.text


def test_features_of_two_splits_are_joined_picture_by_picture() -> None:
    part = CachedFeatures(np.ones((2, 3, 4), np.float32), np.array([0, 1, 0], np.int32), True, Path("train.npy"))
    other = replace(part, values=np.zeros((2, 1, 4), np.float32), labels=np.array([1], np.int32), from_cache=False)

    whole = joined([part, other])

    assert whole.values[:, :, 0].tolist() == [[1, 1, 1, 0], [1, 1, 1, 0]]
    assert (whole.labels.tolist(), whole.from_cache) == ([0, 1, 0, 1], False)
