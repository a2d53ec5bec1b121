import json
import os
import signal
import sys
import types
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from common.errors import TrainingError
from engine.callbacks.base import RunCallback
from engine.callbacks.console import Console
from engine.callbacks.metrics_log import MetricsLog
from engine.callbacks.step_monitor import MAX_OVERFLOWS_IN_A_ROW, StepMonitor
from engine.callbacks.stop_on_signal import StopOnSignal
from engine.callbacks.tensorboard import TensorBoard
from engine.run.records import EpochEnd, EpochRecord, Progress, StepRecord
from engine.runtime.start import Runtime


def epoch(number: int, top1: float | None = None, loss: float | None = None) -> EpochRecord:
    return EpochRecord(number, number * 10, 1.0, 0.5, 100.0, 1.0, 0.0, top1, top1, loss)


def progress(epochs: int = 10) -> Progress:
    return Progress(epochs=epochs, steps_per_epoch=10, global_batch=4)


class Recorder(RunCallback):
    def __init__(self) -> None:
        super().__init__()
        self.windows: list[StepRecord] = []

    def on_window(self, record: StepRecord) -> None:
        self.windows.append(record)


def feed(monitor: StepMonitor, losses: Sequence[float], overflows: Sequence[bool] | None = None) -> bool:
    """Drives the monitor as Model.train would; returns whether it asked to stop."""
    stops = []
    overflows = overflows or [False] * len(losses)
    monitor.on_train_epoch_begin(None)
    for loss, overflow in zip(losses, overflows, strict=True):
        outputs = [ms.Tensor(v) for v in (np.float32(loss), np.float32(2), np.float32(8), np.bool_(overflow))]
        context = types.SimpleNamespace(
            original_args=lambda outputs=outputs: types.SimpleNamespace(net_outputs=outputs),
            request_stop=lambda: stops.append(True),
        )
        monitor.on_train_step_end(context)
    monitor.on_train_epoch_end(None)
    return bool(stops)


def test_a_window_gives_mean_loss_and_share_of_right_answers() -> None:
    state, recorder = progress(), Recorder()

    feed(StepMonitor(state, 2, [recorder]), [1.0, 3.0, 5.0])

    assert [(r.step, r.loss, r.top1) for r in recorder.windows] == [(2, 2.0, 0.5), (3, 5.0, 0.5)]
    assert (state.step, state.step_in_epoch) == (3, 3)


def test_a_loss_that_is_not_finite_stops_with_its_step_and_the_last_checkpoint() -> None:
    state = progress()
    state.last_checkpoint = "checkpoints/epoch_0001.ckpt"

    with pytest.raises(TrainingError, match=r"nan at step 3 .*\n?.*epoch_0001"):
        feed(StepMonitor(state, 4, []), [1.0, 1.0, float("nan"), 1.0])


def test_an_overflow_that_was_skipped_is_counted_and_does_not_stop() -> None:
    state, recorder = progress(), Recorder()

    feed(StepMonitor(state, 2, [recorder]), [float("inf"), 1.0], [True, False])

    assert (recorder.windows[0].overflows, recorder.windows[0].loss) == (1, 1.0)


def test_overflows_without_end_stop_the_run() -> None:
    many = MAX_OVERFLOWS_IN_A_ROW

    with pytest.raises(TrainingError, match="in a row"):
        feed(StepMonitor(progress(), 10, []), [float("inf")] * many, [True] * many)


def test_a_stop_reason_ends_the_epoch_after_the_step() -> None:
    state = progress()
    state.stop("asked to")

    assert feed(StepMonitor(state, 10, []), [1.0])


def test_the_metrics_log_is_one_json_object_a_line(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.on_window(StepRecord(20, 1, 0.5, 0.9, 0.1, 1000.0, 1.0, 0, 0.0))
    log.on_epoch(EpochEnd(epoch(1, 0.8, 0.7)))
    log.close()

    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]

    assert [(line["kind"], line["step"]) for line in lines] == [("step", 20), ("epoch", 10)]
    assert lines[1]["val_top1"] == 0.8


def test_tensorboard_reads_the_events(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path)
    board.on_window(StepRecord(20, 1, 0.5, 0.9, 0.1, 1000.0, 64.0, 2, 0.0))
    board.on_epoch(EpochEnd(epoch(1, 0.8, 0.7)))
    board.close()

    reader = EventAccumulator(str(tmp_path)).Reload()

    assert set(reader.Tags()["scalars"]) == {
        *(f"train/{name}" for name in ("loss", "top1", "lr", "images_per_second", "loss_scale", "overflows")),
        *(f"val/{name}" for name in ("top1", "top5", "loss")),
    }
    assert [(e.step, round(e.value, 6)) for e in reader.Scalars("train/loss")] == [(20, 0.5)]


def test_points_of_older_files_behind_a_resumed_step_no_longer_count(tmp_path: Path) -> None:
    for name, done, steps in (("a", 0, (10, 20, 30)), ("b", 15, (20, 30))):
        board = TensorBoard(tmp_path, done)
        for step in steps:
            board.on_window(StepRecord(step, 1, float(step + done), 0.9, 0.1, 1000.0, 64.0, 0, 0.0))
        board.close()
        next(tmp_path.glob("events.*")).rename(tmp_path / f"{name}.tfevents")

    reader = EventAccumulator(str(tmp_path)).Reload()

    assert [(e.step, e.value) for e in reader.Scalars("train/loss")] == [(10, 10.0), (20, 35.0), (30, 45.0)]


def test_a_full_disk_ends_the_curves_and_not_the_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = TensorBoard(tmp_path)
    monkeypatch.setattr(board._file, "_writer", open("/dev/full", "wb"))  # noqa: SIM115 (the board closes it)

    for step in range(1, 5000):
        board.on_window(StepRecord(step, 1, 0.5, 0.9, 0.1, 1000.0, 64.0, 2, 0.0))
    board.close()

    assert [record.message for record in caplog.records] == ["TensorBoard's curves end here: No space left on device"]


def test_without_a_terminal_the_console_prints_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    state = progress(epochs=3)
    console = Console(state)
    console.on_train_epoch_begin(None)
    console.on_window(StepRecord(20, 1, 0.5, 0.9, 0.1, 1000.0, 1.0, 0, 0.0))
    state.next_epoch(epoch(1, 0.875, 0.7))
    console.on_epoch(EpochEnd(epoch(1, 0.875, 0.7)))
    console.close()

    out, err = capsys.readouterr()

    assert out.splitlines()[1].startswith("epoch 1/3  loss 1.0000")
    assert "val top-1 87.50%" in out
    assert "\r" not in out + err


@pytest.mark.parametrize(
    ("seconds", "left"), [((60.0,), "2 min 00 s"), ((60.0, 10.0), "10.0 s"), ((9.0, 3.0, 1.0), None)]
)
def test_the_console_says_what_is_to_come_without_counting_the_compilation(
    capsys: pytest.CaptureFixture[str], seconds: tuple[float, ...], left: str | None
) -> None:
    state = progress(epochs=3)
    console = Console(state)
    for number, took in enumerate(seconds, 1):
        record = replace(epoch(number, 0.5, 0.7), seconds=took, eval_seconds=0.0)
        state.next_epoch(record)
        console.on_epoch(EpochEnd(record, is_last=number == 3))

    last = capsys.readouterr().out.splitlines()[-1]

    assert ("to go" in last) == (left is not None)
    assert left is None or last.endswith(f"{left} to go")


def drive(console: Console, state: Progress, clock: list[float], seconds: Sequence[float]) -> None:
    """Let steps take these times."""
    console.on_train_epoch_begin(None)
    for took in seconds:
        clock[0] += took
        state.step += 1
        state.step_in_epoch += 1
        console.on_train_step_end(None)


def test_after_the_first_epoch_the_step_that_was_compiled_is_not_expected_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    state, clock = progress(epochs=4), [0.0]
    console = Console(state, lambda: clock[0])
    drive(console, state, clock, [60.0, *[2.0] * 9])
    clock[0] += 9.0  # the evaluation
    record = replace(epoch(1, 0.5, 0.7), seconds=78.0, eval_seconds=9.0)
    state.next_epoch(record)

    console.on_epoch(EpochEnd(record))

    # 9 steps and an evaluation took 27 s: 10 steps of 3 s, three times.
    assert capsys.readouterr().out.rstrip().endswith("1 min 30 s to go")


def test_on_a_terminal_the_bar_is_over_the_whole_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    state, clock = progress(epochs=4), [0.0]
    console = Console(state, lambda: clock[0])

    drive(console, state, clock, [60.0, *[2.0] * 4])
    console.on_window(StepRecord(5, 1, 0.5, 0.9, 0.1, 1000.0, 1.0, 0, 0.0))
    shown = capsys.readouterr().err
    console.close()

    assert "epoch 1/4  12%" in shown  # 5 of 40 steps
    assert "1 min 10 s to go, loss 0.5000" in shown  # 35 of 2 s


def test_the_console_says_once_that_the_step_is_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(progress(epochs=3))
    console.on_train_epoch_begin(None)
    console.on_train_epoch_begin(None)
    console.close()
    assert capsys.readouterr().out.count("compiling the training step") == 1


def steps_until_stop(callback: StopOnSignal, most: int = 1000) -> int | None:
    """Number of steps after which the callback asks to stop."""
    stops = []
    context = types.SimpleNamespace(request_stop=lambda: stops.append(True))
    for step in range(1, most + 1):
        callback.on_train_step_end(context)
        if stops:
            return step
    return None


def test_one_process_stops_after_the_step_in_which_the_signal_came() -> None:
    state = progress()
    callback = StopOnSignal(state, Runtime("CPU"))

    before = steps_until_stop(callback, 10)
    os.kill(os.getpid(), signal.SIGTERM)
    after = steps_until_stop(callback, 10)
    callback.close()

    assert (before, after, state.interrupted) == (None, 1, True)


@pytest.mark.parametrize(("step_seconds", "questions"), [(0.01, 11), (2.0, 1000)])
def test_ranks_ask_each_other_once_a_second_or_at_every_slower_step(step_seconds: float, questions: int) -> None:
    """The other rank says how long its steps take; this one's take no time."""
    asked = []

    def gather(own: bytes) -> list[bytes]:
        asked.append(own)
        return [own, np.array([0.0, step_seconds]).tobytes()]

    callback = StopOnSignal(progress(), Runtime("CPU", world_size=2, gather=gather))

    assert steps_until_stop(callback) is None
    callback.close()
    assert len(asked) == pytest.approx(questions, abs=2)


def test_a_signal_to_another_rank_stops_this_one_too() -> None:
    callback = StopOnSignal(
        progress(), Runtime("CPU", world_size=2, gather=lambda own: [own, np.array([1.0, 0.01]).tobytes()])
    )

    assert steps_until_stop(callback) == 1
    callback.close()
