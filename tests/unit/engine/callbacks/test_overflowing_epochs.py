"""An epoch in which every step overflowed changed no weight; a run of such epochs has not trained."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mindspore as ms
import numpy as np
import pytest

from common.errors import TrainingError
from engine.callbacks.step_monitor import StepMonitor
from engine.run.records import Progress


def epoch(progress: Progress, overflows: list[bool], scale: float, falls: bool, last_loss: float = 1.0) -> None:
    """Drive one epoch through the monitor, as the job does."""
    monitor = StepMonitor(progress, 2, [], scale_falls=falls)
    context: Any = SimpleNamespace(request_stop=lambda: None)
    monitor.on_train_epoch_begin(context)
    for left, overflow in zip(range(len(overflows) - 1, -1, -1), overflows, strict=True):
        loss = 1.0 if left else last_loss
        outputs = [ms.Tensor(v) for v in (np.float32(loss), np.float32(2), np.float32(scale), np.bool_(overflow))]
        context.original_args = lambda outputs=outputs: SimpleNamespace(net_outputs=outputs)
        monitor.on_train_step_end(context)
    monitor.on_train_epoch_end(context)
    progress.next_epoch(monitor.epoch_record())


@pytest.mark.parametrize(("scale", "falls"), [(1024.0, False), (1.0, True)])
def test_a_scale_that_cannot_fall_any_more_ends_the_run(scale: float, falls: bool) -> None:
    with pytest.raises(TrainingError, match="all 3 steps of epoch 1"):
        epoch(Progress(9, 3, 4), [True] * 3, scale, falls)


def test_a_scale_that_still_falls_may_mend_it(caplog: pytest.LogCaptureFixture) -> None:
    progress = Progress(9, 3, 4)

    epoch(progress, [True] * 3, 65536.0, True)
    epoch(progress, [True, False, False], 8192.0, True)

    assert progress.epoch == 2
    assert "all 3 steps of epoch 1" in caplog.text


def test_a_run_does_not_finish_with_such_an_epoch() -> None:
    with pytest.raises(TrainingError, match="changed no weight"):
        epoch(Progress(1, 3, 4), [True] * 3, 65536.0, True)


def test_a_single_step_that_overflows_by_chance_is_no_reason_to_fail() -> None:
    progress = Progress(2, 1, 4)

    epoch(progress, [False], 1.0, True)
    epoch(progress, [True], 1.0, True)

    assert progress.epoch == 2


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_last_step_of_a_run_is_looked_at_too(steps: int) -> None:
    with pytest.raises(TrainingError, match=f"the loss is nan at step {steps}"):
        epoch(Progress(1, steps, 4), [False] * steps, 1.0, False, last_loss=float("nan"))
