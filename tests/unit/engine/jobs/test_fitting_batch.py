import logging
from pathlib import Path

import pytest

from engine.config import load_config
from engine.jobs.pictures import with_fitting_batch

DIGITS = Path(__file__).resolve().parents[4] / "config" / "lenet5_digits.yaml"


@pytest.mark.parametrize(
    ("pictures", "ranks", "fitting"), [(100, 1, 64), (64, 1, 64), (63, 1, 63), (127, 2, 63), (3, 4, 1)]
)
def test_a_batch_is_no_larger_than_a_ranks_share_of_the_pictures(pictures: int, ranks: int, fitting: int) -> None:
    config = load_config(DIGITS, {"data.batch_size": "64"})
    assert with_fitting_batch(config, pictures, ranks).data.batch_size == fitting


def test_a_lowered_batch_is_said_once_with_its_counts(caplog: pytest.LogCaptureFixture) -> None:
    config = load_config(DIGITS, {"data.batch_size": "64"})
    with caplog.at_level(logging.WARNING):
        with_fitting_batch(config, 10, 1)
        with_fitting_batch(config, 64, 1)
    assert [record.getMessage() for record in caplog.records] == [
        "data.batch_size 64 x 1 rank(s) is more than the 10 training pictures: taking 10"
    ]
