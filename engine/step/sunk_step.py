"""Steps that need nothing from the host: their outputs, too, stay in the graph."""

from __future__ import annotations

from math import gcd

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from engine.step.scheduled_step import ScheduledStep
from engine.step.train_step import StepOutputs


class SunkStep(nn.Cell):
    """A training step that notes its outputs.

    Args:
        step: knows its learning rates.
        length: number of steps whose outputs are kept.

    A call takes what `TrainStep` takes and returns the loss.
    """

    def __init__(self, step: ScheduledStep, length: int) -> None:
        super().__init__(auto_prefix=False)
        self.step = step
        self.notes = Parameter(Tensor(np.zeros((length, 4), np.float32)), name="step_notes", requires_grad=False)
        self.rows = Tensor(np.arange(length, dtype=np.int32)[:, None])
        self.length = length

    def construct(self, image: Tensor, label: Tensor) -> Tensor:
        """Take the step and note its outputs."""
        loss, correct, scale, overflow = self.step(image, label)
        note = ops.stack((loss, correct, scale, ops.cast(overflow, ms.float32)))
        row = (self.step.number - 1) % self.length
        ops.assign(self.notes, ops.select(self.rows == row, note.reshape((1, 4)), self.notes))
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
