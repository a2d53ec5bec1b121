import logging
from pathlib import Path

import pytest

from engine.config import load_config
from engine.jobs.prepare import warn_of_slow_average

DIGITS = Path(__file__).resolve().parents[4] / "config" / "lenet5_digits.yaml"


def said(caplog: pytest.LogCaptureFixture, decay: str, steps: int, accumulate: str = "1") -> list[str]:
    config = load_config(DIGITS, {"train.ema_decay": decay, "optimizer.accumulate_steps": accumulate})
    with caplog.at_level(logging.WARNING):
        warn_of_slow_average(config, steps)
    return [record.getMessage() for record in caplog.records]


def test_a_short_run_with_a_slow_average_is_told_its_share_and_a_decay_that_fits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    message = said(caplog, "0.999", 100)[0]  # 0.999^100 = 0.905; 0.05^(1/100) = 0.970
    assert "90 % of the evaluated weights are still those of the start; 0.97 would leave 5 %" in message


def test_accumulated_steps_make_fewer_updates(caplog: pytest.LogCaptureFixture) -> None:
    assert said(caplog, "0.98", 160) == []  # 0.98^160 = 0.039
    assert "over 40 updates: 45 %" in said(caplog, "0.98", 160, accumulate="4")[0]


@pytest.mark.parametrize(("decay", "steps"), [("null", 100), ("0.5", 5), ("0.999", 0)])
def test_without_an_average_or_with_a_quick_one_nothing_is_said(
    caplog: pytest.LogCaptureFixture, decay: str, steps: int
) -> None:
    assert said(caplog, decay, steps) == []
