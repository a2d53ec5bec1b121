"""A step that needs no learning rate from the host: the rates of the whole run are in the graph."""

from __future__ import annotations

from collections.abc import Sequence

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from engine.step.optimizer import GroupedOptimizer
from engine.step.train_step import StepOutputs, TrainStep


class ScheduledStep(nn.Cell):
    """A training step that looks its learning rates up by its own number.

    On a CPU, the host's setting a rate between two steps of LeNet5 took a tenth of the step. The table of rates holds
    the float32 values that `GroupedOptimizer.set_lr` would set one by one, so that weights are the same to the bit.
    None of its own parameters is saved: `number` puts a run that goes on in its place.

    Args:
        step: loss scaling, overflow check, accumulation, update and moving average.
        optimizer: whose rates are set.
        rates: learning rate of each step of the run, from the first; at least one.
        number: of the next step; 0 is the run's first.

    A call takes and returns what that of `TrainStep` does.
    """

    def __init__(self, step: TrainStep, optimizer: GroupedOptimizer, rates: Sequence[float], number: int) -> None:
        super().__init__(auto_prefix=False)
        self.step = step
        self.rates = tuple(rate for rate, _ in optimizer.rates)
        self.tables = tuple(
            Parameter(Tensor(column), name=f"rate_table.{index}", requires_grad=False)
            for index, column in enumerate(optimizer.rate_table(rates))
        )
        self.number = Parameter(Tensor(number, ms.int32), name="step_number", requires_grad=False)
        self.scale = Parameter(Tensor(1, ms.float32), name="step_loss_scale", requires_grad=False)

    def construct(self, image: Tensor, label: Tensor) -> StepOutputs:
        """Set the rates, take the step, count it."""
        for rate, table in zip(self.rates, self.tables):  # noqa: B905 (graph mode knows no strict=)
            ops.assign(rate, ops.gather(table, self.number, 0))
        # A copy: what the step returns is the parameter itself here, which it has changed by then (MindSpore 2.10).
        ops.assign(self.scale, self.step.loss_scale)
        loss, correct, _, overflow = self.step(image, label)
        ops.assign_add(self.number, Tensor(1, ms.int32))
        return loss, correct, self.scale.value(), overflow
