"""Steps that need nothing from the host: the learning rates, the step's number and the outputs live in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from engine.runtime.parameters import assign
from engine.step.optimizer import GroupedOptimizer
from engine.step.train_step import StepOutputs, TrainStep


class SunkStep(nn.Cell):
    """A training step that looks its learning rates up by its own number and notes its outputs.

    The table of rates holds the float32 values that `GroupedOptimizer.set_lr` would set one by one, so that weights
    are the same to the bit. None of its own parameters is saved: `start_at` puts a run that goes on in its place.

    Args:
        step: loss scaling, overflow check, accumulation, update and moving average.
        optimizer: whose rates are set.
        rates: learning rate of each step of the run, from the first.
        length: number of steps whose outputs are kept.

    A call takes what `TrainStep` takes and returns the loss.
    """

    def __init__(self, step: TrainStep, optimizer: GroupedOptimizer, rates: Sequence[float], length: int) -> None:
        super().__init__(auto_prefix=False)
        self.step = step
        self.rates = tuple(rate for rate, _ in optimizer.rates)
        self.tables = tuple(
            Parameter(Tensor(column), name=f"rate_table.{index}", requires_grad=False)
            for index, column in enumerate(optimizer.rate_table(rates))
        )
        self.number = Parameter(Tensor(0, ms.int32), name="step_number", requires_grad=False)
        self.scale = Parameter(Tensor(1, ms.float32), name="step_loss_scale", requires_grad=False)
        self.notes = Parameter(Tensor(np.zeros((length, 4), np.float32)), name="step_notes", requires_grad=False)
        self.rows = Tensor(np.arange(length, dtype=np.int32)[:, None])
        self.length = length

    def start_at(self, number: int) -> None:
        """Make the next step that of this number; 0 is the run's first."""
        assign(self.number, number)

    def construct(self, image: Tensor, label: Tensor) -> Tensor:
        """Set the rates, take the step, note its outputs, count it."""
        for rate, table in zip(self.rates, self.tables):  # noqa: B905 (graph mode knows no strict=)
            ops.assign(rate, ops.gather(table, self.number, 0))
        # A copy: what the step returns is the parameter itself here, which it has changed by then (MindSpore 2.10).
        ops.assign(self.scale, self.step.loss_scale)
        loss, correct, _, overflow = self.step(image, label)
        note = ops.stack((loss, correct, self.scale, ops.cast(overflow, ms.float32)))
        ops.assign(self.notes, ops.select(self.rows == self.number % self.length, note.reshape((1, 4)), self.notes))
        ops.assign_add(self.number, Tensor(1, ms.int32))
        return loss

    def outputs(self, last: int) -> StepOutputs:
        """The outputs of the `length` steps up to step `last`, each an array (length,), in the order of the steps.

        Reading them waits for the device.
        """
        notes = np.roll(self.notes.asnumpy(), -(last % self.length) - 1, axis=0)
        loss, correct, scale, overflow = (Tensor(column) for column in notes.T.copy())
        return loss, correct, scale, overflow


def common_length(wanted: int, steps_per_epoch: int, step_in_epoch: int = 0) -> int:
    """The largest number of steps, up to `wanted`, that fills an epoch, and what is left of the current one, exactly.

    Args:
        wanted: number of steps.
        steps_per_epoch: steps of an epoch.
        step_in_epoch: steps of the current epoch that are done.
    """
    fits = gcd(steps_per_epoch, steps_per_epoch - step_in_epoch)
    return max(length for length in range(1, min(wanted, fits) + 1) if fits % length == 0)
