import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.optimizer_section import OptimizerConfig, ScheduleConfig
from engine.step.learning_rate import make_schedule, peak_lr


def test_cosine_meets_its_closed_form() -> None:
    lr = make_schedule(ScheduleConfig(name="cosine", min_lr=0.1), peak=1.1, epochs=4, steps_per_epoch=25)

    assert lr(0) == pytest.approx(1.1)
    assert lr(50) == pytest.approx(0.6)
    assert lr(25) == pytest.approx(0.1 + 0.5 * (1 + math.cos(math.pi / 4)))
    assert lr(100) == pytest.approx(0.1)


def test_warmup_rises_in_a_straight_line_and_ends_at_the_peak() -> None:
    lr = make_schedule(ScheduleConfig(name="constant", warmup_epochs=2, warmup_lr=0.2), 1.0, 5, steps_per_epoch=4)

    assert [round(lr(step), 6) for step in range(9)] == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0]


def test_step_drops_by_its_rate() -> None:
    lr = make_schedule(ScheduleConfig(name="step", decay_epochs=2, decay_rate=0.1), 1.0, 6, steps_per_epoch=10)

    assert [lr(step) for step in (0, 19, 20, 39, 40)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_linear_ends_at_its_minimum() -> None:
    lr = make_schedule(ScheduleConfig(name="linear", min_lr=0.2), 1.0, 1, steps_per_epoch=8)

    assert [lr(step) for step in (0, 4, 8)] == pytest.approx([1.0, 0.6, 0.2])


def test_linear_scaling_rule_counts_from_a_batch_of_256() -> None:
    assert peak_lr(OptimizerConfig(lr=0.1, scale_lr=True), 1024) == pytest.approx(0.4)
    assert peak_lr(OptimizerConfig(lr=0.1), 1024) == pytest.approx(0.1)


@given(
    st.sampled_from(["cosine", "step", "linear", "constant"]),
    st.floats(0, 3),
    st.integers(1, 50),
    st.integers(3, 10),
    st.integers(0, 10_000),
)
def test_the_rate_never_leaves_its_bounds(
    name: str, warmup_epochs: float, steps_per_epoch: int, epochs: int, step: int
) -> None:
    lr = make_schedule(ScheduleConfig(name=name, warmup_epochs=warmup_epochs), 0.5, epochs, steps_per_epoch)

    assert 0 <= lr(step) <= 0.5 + 1e-12
