"""Steps of a two-weight network whose gradients are known by hand: loss = mean((w . x - y)^2) / 2."""

from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn

from engine.config.optimizer_section import AmpConfig, OptimizerConfig
from engine.runtime.parameters import assign
from engine.step.optimizer import GroupedOptimizer
from engine.step.train_step import TrainStep


class Line(nn.Cell):
    def __init__(self, value: tuple[float, float] = (1.0, -2.0)) -> None:
        super().__init__()
        self.weight = Parameter(Tensor(np.array([value], np.float32)), name="line.weight")

    def construct(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        error = (x * self.weight).sum(1) - y
        return (error * error).mean() / 2, (y > 0).astype(ms.float32).sum()


X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5], [-1.0, 1.0]], np.float32)
Y = np.array([1.0, 0.0, 2.0, -1.0], np.float32)


def gradient(weight: np.ndarray, x: np.ndarray = X, y: np.ndarray = Y) -> np.ndarray:
    return (((x @ weight - y)[:, None]) * x).mean(0)


def make(optimizer: OptimizerConfig | None = None, **options: Any) -> tuple[Line, GroupedOptimizer, TrainStep]:
    ms.set_context(mode=ms.GRAPH_MODE)  # as a run does
    line = Line()
    grouped = GroupedOptimizer(optimizer or OptimizerConfig(name="sgd", momentum=0.0, lr=0.1), [line.weight], [1.0])
    step = TrainStep(line, grouped, **options)
    step.set_train()
    return line, grouped, step


def weight_of(line: Line) -> np.ndarray:
    return line.weight.asnumpy()[0]


def run(step: TrainStep, x: np.ndarray = X, y: np.ndarray = Y) -> list[Any]:
    return [value.asnumpy() for value in step(Tensor(x), Tensor(y))]


def test_one_step_of_sgd_is_the_textbooks() -> None:
    line, _, step = make()
    before = weight_of(line).copy()

    loss, correct, scale, overflow = run(step)

    assert loss == pytest.approx(((X @ before - Y) ** 2).mean() / 2)
    assert correct == 2
    assert weight_of(line) == pytest.approx(before - 0.1 * gradient(before), rel=1e-5)
    assert (scale, overflow) == (1.0, False)


def test_the_rate_that_is_set_is_the_rate_of_the_next_step() -> None:
    line, optimizer, step = make()
    run(step)
    before = weight_of(line).copy()
    optimizer.set_lr(0.5)

    run(step)

    assert weight_of(line) == pytest.approx(before - 0.5 * gradient(before), rel=1e-5)


def test_adamw_is_algorithm_2_of_its_paper() -> None:
    config = OptimizerConfig(name="adamw", lr=0.1, weight_decay=0.05)
    line, _, step = make(config)
    weight = weight_of(line).astype(np.float64)
    m = v = np.zeros(2)
    for t in range(1, 6):
        g = gradient(weight)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        adam = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        weight = weight - 0.1 * (adam + 0.05 * weight)
        run(step)

    assert weight_of(line) == pytest.approx(weight, rel=1e-4)


def test_clipping_keeps_the_direction_and_bounds_the_length() -> None:
    line, _, step = make(clip_norm=0.5)
    before = weight_of(line).copy()
    full = gradient(before)

    run(step)

    assert weight_of(line) == pytest.approx(before - 0.1 * full * 0.5 / np.linalg.norm(full), rel=1e-4)


def test_accumulating_two_halves_equals_one_whole_batch() -> None:
    line, _, step = make(accumulate_steps=2)
    before = weight_of(line).copy()
    run(step, X[:2], Y[:2])
    assert np.array_equal(weight_of(line), before)

    run(step, X[2:], Y[2:])

    assert weight_of(line) == pytest.approx(before - 0.1 * gradient(before), rel=1e-5)


def test_the_moving_average_follows_the_weights() -> None:
    line, _, step = make(ema_decay=0.9)
    before = weight_of(line).copy()

    run(step)

    assert step.ema[0].asnumpy()[0] == pytest.approx(0.9 * before + 0.1 * weight_of(line), rel=1e-6)


def followed(averages: np.ndarray, weights: list[np.ndarray], keeps: list[float]) -> np.ndarray:
    """The average of these weights, where each update keeps such a share of what it was."""
    for weight, keep in zip(weights, keeps, strict=True):
        averages = keep * averages + (1 - keep) * weight
    return averages


def test_the_moving_average_is_quick_at_first_and_then_as_slow_as_its_decay() -> None:
    line, _, step = make(ema_decay=0.3, ema_warmup=True)
    start, weights = weight_of(line).astype(np.float64), []
    for _ in range(6):
        run(step)
        weights.append(weight_of(line).astype(np.float64))

    # As TensorFlow's ExponentialMovingAverage for num_updates 0, 1, 2, ...: (1 + n) / (10 + n) up to the decay.
    expected = followed(start, weights, [1 / 10, 2 / 11, 3 / 12, 0.3, 0.3, 0.3])
    assert step.ema[0].asnumpy()[0] == pytest.approx(expected, rel=1e-5)


def test_after_its_warmup_the_average_is_that_without_one_to_the_bit() -> None:
    slow, warm = (make(ema_decay=0.98, ema_warmup=warmup)[2] for warmup in (False, True))
    assign(warm.ema_updates, 440)  # (1 + 440) / (10 + 440) = 0.98
    for _ in range(5):
        run(slow)
        run(warm)

    assert slow.ema[0].asnumpy().tobytes() == warm.ema[0].asnumpy().tobytes()


def test_the_averages_warmup_counts_updates_and_neither_steps_nor_overflows() -> None:
    amp = AmpConfig(loss_scale="fixed", init_scale=256)
    line, _, step = make(ema_decay=0.9, ema_warmup=True, accumulate_steps=2, amp=amp)
    start, weights = weight_of(line).astype(np.float64), []
    for _ in range(2):
        run(step)
        run(step, X * np.float32(3e38))
        run(step)
        weights.append(weight_of(line).astype(np.float64))

    assert int(step.ema_updates.asnumpy()) == 2
    assert step.ema[0].asnumpy()[0] == pytest.approx(followed(start, weights, [1 / 10, 2 / 11]), rel=1e-5)


def test_an_overflow_skips_the_step_and_halves_the_scale_then_it_grows() -> None:
    amp = AmpConfig(loss_scale="dynamic", init_scale=1024, scale_window=2)
    line, _, step = make(amp=amp)
    before = weight_of(line).copy()

    *_, overflow = run(step, X * np.float32(3e38))
    assert overflow
    assert np.array_equal(weight_of(line), before)

    scales = []
    for _ in range(4):
        _, _, scale, overflow = run(step)
        assert not overflow
        scales.append(float(scale))
    assert scales[0] == 512
    assert 1024 in scales


def test_a_fixed_scale_skips_overflows_and_stays() -> None:
    line, _, step = make(amp=AmpConfig(loss_scale="fixed", init_scale=256))
    before = weight_of(line).copy()

    *_, scale, overflow = run(step, X * np.float32(3e38))
    assert (scale, overflow) == (256, True)
    assert np.array_equal(weight_of(line), before)

    run(step)
    assert weight_of(line) == pytest.approx(before - 0.1 * gradient(before), rel=1e-5)


def test_float16_really_overflows_and_training_goes_on() -> None:
    class Half(Line):
        def construct(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            error = (x.astype(ms.float16) * self.weight.astype(ms.float16)).sum(1) - y.astype(ms.float16)
            return (error * error).mean().astype(ms.float32) / 2, y.sum()

    line = Half()
    grouped = GroupedOptimizer(OptimizerConfig(name="sgd", momentum=0.0, lr=0.1), [line.weight], [1.0])
    step = TrainStep(line, grouped, AmpConfig(level="O2", loss_scale="dynamic", init_scale=2.0**20))
    step.set_train()
    before = weight_of(line).copy()

    skipped = 0
    for _ in range(12):
        *_, overflow = run(step)
        skipped += int(overflow)

    assert 0 < skipped < 12
    assert not np.array_equal(weight_of(line), before)
    assert np.isfinite(weight_of(line)).all()
