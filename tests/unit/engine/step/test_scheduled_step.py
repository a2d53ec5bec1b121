"""Rates that the graph looks up are those that a host would set."""

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn

from engine.config.optimizer_section import AmpConfig, OptimizerConfig
from engine.step.optimizer import GroupedOptimizer
from engine.step.scheduled_step import ScheduledStep
from engine.step.train_step import TrainStep

RATES = [0.3, 0.1, 1 / 3, 0.0, 0.05, 0.7]


class Line(nn.Cell):
    """weight . x + bias, against y."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = Parameter(Tensor(np.array([1.0, -2.0], np.float32)), name="weight")
        self.bias = Parameter(Tensor(np.array([0.5], np.float32)), name="bias")

    def construct(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        error = (x * self.weight).sum(1) + self.bias - y
        return (error * error).mean(), (y > 0).astype(ms.float32).sum()


def make() -> tuple[Line, GroupedOptimizer, TrainStep]:
    """A step of AdamW with two rates, and with a loss scale that falls where the gradients overflow."""
    ms.set_context(mode=ms.GRAPH_MODE)
    line = Line()
    config = OptimizerConfig(name="adamw", lr=0.1, weight_decay=0.05)
    optimizer = GroupedOptimizer(config, [line.weight, line.bias], [1.0, 0.3])
    amp = AmpConfig(loss_scale="dynamic", init_scale=1024, scale_window=2)
    return line, optimizer, TrainStep(line, optimizer, amp).set_train()


def batches() -> list[tuple[Tensor, Tensor]]:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(len(RATES), 4, 2)).astype(np.float32)
    inputs[2] *= 1e30  # overflows
    return [(Tensor(x), Tensor(x[:, 0] - x[:, 1])) for x in inputs]


def values(outputs: tuple[Tensor, ...], line: Line) -> list[np.ndarray]:
    return [value.asnumpy().copy() for value in (*outputs, line.weight, line.bias)]


def set_by_the_host() -> list[list[np.ndarray]]:
    """Outputs and weights after each step."""
    line, optimizer, step = make()
    history = []
    for rate, batch in zip(RATES, batches(), strict=True):
        optimizer.set_lr(rate)
        history.append(values(step(*batch), line))
    return history


def test_outputs_and_weights_are_the_same_to_the_bit() -> None:
    line, optimizer, step = make()
    scheduled = ScheduledStep(step, optimizer, RATES, number=0).set_train()
    history = [values(scheduled(*batch), line) for batch in batches()]
    for ours, expected in zip(history, set_by_the_host(), strict=True):
        for value, right in zip(ours, expected, strict=True):
            np.testing.assert_array_equal(value, right)


def test_a_run_that_goes_on_meets_its_own_rates() -> None:
    line, optimizer, step = make()
    weights = set_by_the_host()
    for number, batch in enumerate(batches()[:4]):
        optimizer.set_lr(RATES[number])
        step(*batch)
    scheduled = ScheduledStep(step, optimizer, RATES, number=4).set_train()
    for number, batch in enumerate(batches()[4:], start=4):
        for value, right in zip(values(scheduled(*batch), line), weights[number], strict=True):
            np.testing.assert_array_equal(value, right)


def test_what_is_saved_of_a_run_has_no_part_of_it() -> None:
    _, optimizer, step = make()
    before = [parameter.name for parameter in step.get_parameters()]
    ScheduledStep(step, optimizer, RATES, number=0)
    assert [parameter.name for parameter in step.get_parameters()] == before
