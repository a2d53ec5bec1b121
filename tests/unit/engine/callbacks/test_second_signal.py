"""Who asks twice, or before there is anything to save, does not want to wait."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from engine.callbacks.stop_on_signal import StopOnSignal
from engine.run.records import Progress
from engine.runtime.start import Runtime


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def number(request: pytest.FixtureRequest) -> signal.Signals:
    return signal.Signals(request.param)


@pytest.fixture
def door(number: signal.Signals) -> Iterator[Mock]:
    """What would answer the signal without the callback."""
    answer = Mock()
    before = signal.signal(number, answer)
    yield answer
    signal.signal(number, before)


def test_a_signal_while_the_first_step_compiles_ends_the_run(number: signal.Signals, door: Mock) -> None:
    callback = StopOnSignal(Progress(1, 10, 8), Runtime("CPU"))

    os.kill(os.getpid(), number)
    callback.close()

    door.assert_called_once()


def test_the_first_signal_is_answered_by_the_step_and_the_second_ends_the_run(
    number: signal.Signals, door: Mock
) -> None:
    progress, context = Progress(1, 10, 8), Mock()
    callback = StopOnSignal(progress, Runtime("CPU"))
    callback.on_train_step_end(context)

    os.kill(os.getpid(), number)
    callback.on_train_step_end(context)
    once = door.call_count, context.request_stop.call_count, progress.interrupted_by
    os.kill(os.getpid(), number)
    callback.close()

    assert once == (0, 1, number)
    door.assert_called_once()
