import logging
from pathlib import Path

import pytest

from engine.config import load_config
from engine.jobs.parts import describe_average
from engine.jobs.prepare import warn_of_slow_average

DIGITS = Path(__file__).resolve().parents[4] / "config" / "lenet5_digits.yaml"


def said(
    caplog: pytest.LogCaptureFixture, decay: str, steps: int, accumulate: str = "1", warmup: str = "false"
) -> list[str]:
    overrides = {"train.ema_decay": decay, "train.ema_warmup": warmup, "optimizer.accumulate_steps": accumulate}
    config = load_config(DIGITS, overrides)
    with caplog.at_level(logging.WARNING):
        warn_of_slow_average(config, steps)
    return [record.getMessage() for record in caplog.records]


def test_a_short_run_with_a_slow_average_is_told_its_share_and_a_decay_that_fits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    message = said(caplog, "0.999", 100)[0]  # 0.999^100 = 0.905; 0.05^(1/100) = 0.970
    assert "90 % of the evaluated weights are still those of the start; 0.97 would leave 5 %" in message
    assert message.endswith("train.ema_warmup true next to nothing")


def test_accumulated_steps_make_fewer_updates(caplog: pytest.LogCaptureFixture) -> None:
    assert said(caplog, "0.98", 160) == []  # 0.98^160 = 0.039
    assert "over 40 updates: 45 %" in said(caplog, "0.98", 160, accumulate="4")[0]


@pytest.mark.parametrize(("decay", "steps"), [("null", 100), ("0.5", 5), ("0.999", 0)])
def test_without_an_average_or_with_a_quick_one_nothing_is_said(
    caplog: pytest.LogCaptureFixture, decay: str, steps: int
) -> None:
    assert said(caplog, decay, steps) == []


def test_an_average_that_is_warmed_up_is_slow_after_a_single_update_alone(caplog: pytest.LogCaptureFixture) -> None:
    assert said(caplog, "0.999", 2, warmup="true") == []  # 1/10 * 2/11 = 0.018
    assert "10 % of the evaluated weights are still those of the start" in said(caplog, "0.999", 1, warmup="true")[0]


@pytest.mark.parametrize(
    ("warmup", "line"),
    [
        ("false", "about 50 updates (train.ema_decay 0.98): it lags behind training in the first epochs"),
        ("true", "about 50 updates (train.ema_decay 0.98): over fewer in the first 440 (train.ema_warmup)"),
    ],
)
def test_a_run_says_over_how_many_updates_its_weights_are_averaged(warmup: str, line: str) -> None:
    config = load_config(DIGITS, {"train.ema_decay": "0.98", "train.ema_warmup": warmup})

    assert describe_average(config) == f"val is scored with the weights' average over {line}"
