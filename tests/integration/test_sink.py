"""A sunk run leaves what a run leaves whose host acts at every step: the same bits, the same lines."""

from __future__ import annotations

import json
import os
import re
import signal
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mindspore import nn
from mindspore.dataset import Dataset, GeneratorDataset

from common.errors import ConfigError, RunStopped
from engine.callbacks.base import RunCallback
from engine.config import load_config
from engine.jobs import loops, parts
from engine.jobs import train as job
from engine.jobs.feed import EpochSource, all_epochs
from engine.jobs.loops import make_loop
from engine.jobs.sunk_loop import DeviceSteps
from engine.run.checkpoint import load_state, read_checkpoint
from engine.run.records import Progress
from engine.runtime.start import Runtime
from engine.step.loss import NetworkWithLoss
from engine.step.sunk_step import SunkStep, common_length

RECIPE = Path(__file__).resolve().parents[2] / "config" / "lenet5_digits.yaml"
CLOCK = ("time", "seconds", "images_per_second", "eval_seconds")
EPOCHS, STEPS = 5, 200


class InfiniteNowAndThen(NetworkWithLoss):
    """An infinite loss, and so infinite gradients, wherever a batch begins with a 3."""

    def construct(self, image: ms.Tensor, label: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        loss, correct = super().construct(image, label)
        return loss / ms.ops.cast(label[0] != 3, ms.float32), correct


@pytest.fixture(scope="module", autouse=True)
def _overflows() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "NetworkWithLoss", InfiniteNowAndThen)
        yield


def train(folder: Path, sink: str, resume: str | None = None, **more: str) -> Path:
    """200 steps: warm-up and cosine, two rates, moving average, accumulation, a loss scale that falls and grows."""
    folder.mkdir(exist_ok=True)
    recipe = folder / "recipe.yaml"
    recipe.write_text(re.sub("  ema_warmup: .*\n", "", RECIPE.read_text()))  # the average has its warm-up
    overrides = {
        "output_dir": str(folder), "train.epochs": str(EPOCHS), "schedule.warmup_epochs": "1.5",
        "optimizer.accumulate_steps": "2", "finetune.lr_groups": "[{pattern: '.*weight', lr_mult: 0.3}]",
        "amp.loss_scale": "dynamic", "amp.init_scale": "1024", "amp.scale_window": "5",
        "train.ema_decay": "0.99", "train.log_every": "10", "train.sink": sink, **more,
    }  # fmt: skip
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_seed(0)
    return job.train(load_config(recipe, overrides), Runtime("CPU"), resume)


def saved(run: Path) -> dict[str, np.ndarray]:
    """Everything in the last checkpoint."""
    checkpoint = (run / "checkpoints" / "last.ckpt").resolve()
    return read_checkpoint(checkpoint) | load_state(checkpoint)[0]


def lines(run: Path) -> list[dict[str, Any]]:
    """The metrics, without clocks."""
    read = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in CLOCK} for line in read]


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value.tobytes() == other[name].tobytes(), name


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("host"), "off")


@pytest.fixture(scope="module")
def sunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("sunk"), "10")


def test_the_run_of_these_tests_has_200_steps_and_skips_some(host: Path) -> None:
    last = lines(host)[-1]
    steps = [line for line in lines(host) if line["kind"] == "step"]

    assert last["step"] == STEPS
    assert 0 < steps[-1]["overflows"] < STEPS / 2
    assert steps[-1]["overflows"] > steps[1]["overflows"]  # not at the beginning alone


def test_weights_and_all_else_that_is_saved_are_the_same_to_the_bit(host: Path, sunk: Path) -> None:
    assert_same(saved(host), saved(sunk))


def test_the_metrics_are_the_same(host: Path, sunk: Path) -> None:
    assert lines(host) == lines(sunk)


class Terminator(RunCallback):
    """Sends SIGTERM to this process at a step."""

    def __init__(self, progress: Progress, step: int) -> None:
        super().__init__()
        self._progress, self._step = progress, step

    def on_train_step_end(self, run_context: Any) -> None:
        if self._progress.step >= self._step:
            self._step = STEPS + 1
            os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_ends_it_at_a_boundary_and_it_goes_on_unsunk_to_the_same_bits(
    host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = job.fit
    monkeypatch.setattr(job, "fit", lambda config, parts, callbacks: fit(
        config, parts, [*callbacks, Terminator(parts.progress, 65)]
    ))  # fmt: skip
    with pytest.raises(RunStopped, match=r"after step (70|80);"):
        train(tmp_path, "10")
    monkeypatch.setattr(job, "fit", fit)

    run = train(tmp_path, "off", resume="auto")

    assert_same(saved(host), saved(run))


def test_a_run_whose_version_knew_no_warmup_of_the_average_goes_on_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    undisturbed = train(tmp_path / "undisturbed", "off", **{"train.ema_warmup": "false"})
    fit = job.fit
    monkeypatch.setattr(job, "fit", lambda config, parts, callbacks: fit(
        config, parts, [*callbacks, Terminator(parts.progress, 65)]
    ))  # fmt: skip
    with pytest.raises(RunStopped):
        train(tmp_path / "older", "off", **{"train.ema_warmup": "false"})
    monkeypatch.setattr(job, "fit", fit)
    recipe = next((tmp_path / "older").glob("*/config.yaml"))
    recipe.write_text(recipe.read_text().replace("  ema_warmup: false\n", ""))

    with caplog.at_level("INFO"):
        run = train(tmp_path / "older", "off", resume="auto")

    assert "train.ema_warmup false: the run was begun without" in caplog.text
    assert_same(saved(undisturbed), saved(run))


@given(st.integers(1, 60), st.integers(1, 400), st.data())
def test_the_length_fills_epochs_exactly_and_is_the_largest_that_does(wanted: int, steps: int, data: Any) -> None:
    done = data.draw(st.integers(0, steps - 1))
    length = common_length(wanted, steps, done)

    fitting = [n for n in range(1, wanted + 1) if steps % n == 0 and (steps - done) % n == 0]
    assert length == max(fitting)


def numbered_source() -> EpochSource:
    """Three batches an epoch: epoch and step as the picture, the step as the label."""

    class Numbered:
        steps_per_epoch = 3

        def epoch(self, epoch: int, skip_steps: int = 0) -> Dataset:
            rows = [(np.array([epoch, step], np.float32), np.array([step], np.int32)) for step in range(skip_steps, 3)]
            return GeneratorDataset(rows, ["image", "label"], shuffle=False)

    return Numbered()


def test_all_epochs_as_one_dataset_are_the_epochs_one_after_another() -> None:
    dataset = all_epochs(numbered_source(), first=1, skip_steps=2, end=4)

    rows = [image.tolist() for image, _ in dataset.create_tuple_iterator(num_epochs=1, output_numpy=True)]

    assert dataset.get_dataset_size() == len(rows) == 7
    assert rows == [[1, 2], [2, 0], [2, 1], [2, 2], [3, 0], [3, 1], [3, 2]]


class FakeDevice:
    """Stands for an NPU's queue of batches: one turn of the helper, in which the network takes `sink_size` of them."""

    def __init__(self) -> None:
        self.log: list[object] = []

    def helper(self, dataset: Dataset, *, dataset_sink_mode: bool, sink_size: int, epoch_num: int) -> FakeDevice:
        assert (dataset_sink_mode, epoch_num) == (True, 1)
        self._size, self._rows = sink_size, dataset.create_tuple_iterator(num_epochs=1)
        return self

    def connect(self, cell: SunkStep, _: FakeDevice) -> FakeDevice:
        self._cell = cell
        return self

    def __iter__(self) -> Iterator[tuple[()]]:
        yield ()

    def __call__(self) -> None:
        for _ in range(self._size):
            self._cell(*next(self._rows))

    def set_train(self) -> None:
        self._cell.set_train()

    def __getattr__(self, name: str) -> Any:
        return lambda: self.log.append(name)


def test_on_an_ascend_the_device_feeds_itself_from_one_dataset_of_the_whole_run(
    host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = FakeDevice()
    monkeypatch.setattr(ms, "DatasetHelper", device.helper)
    monkeypatch.setattr(ms, "connect_network_with_dataset", device.connect)
    monkeypatch.setattr(loops, "HostSteps", DeviceSteps)

    run = train(tmp_path, "20")

    assert_same(saved(host), saved(run))
    assert device.log == [*["continue_send"] * (STEPS // 20), "stop_send", "release"]


def choose(device: str, sink: str, mode: str = "graph") -> str:
    """The name of the loop that a recipe gets."""
    config = load_config(RECIPE, {"train.sink": sink, "runtime.mode": mode})
    optimizer: Any = types.SimpleNamespace(rates=(), rate_table=lambda rates: [])
    step: Any = nn.Cell()
    return type(
        make_loop(config, step, optimizer, numbered_source(), lambda n: 0.1, Progress(2, 3, 4), device)
    ).__name__


@pytest.mark.parametrize(
    ("device", "sink", "mode", "loop"),
    [
        ("CPU", "auto", "graph", "HostLoop"),
        ("CPU", "3", "graph", "SunkLoop"),
        ("Ascend", "off", "graph", "HostLoop"),
        ("Ascend", "auto", "pynative", "HostLoop"),
    ],
)
def test_auto_is_off_on_a_cpu_and_where_there_is_no_graph(device: str, sink: str, mode: str, loop: str) -> None:
    assert choose(device, sink, mode) == loop


def test_auto_is_on_for_an_ascend(monkeypatch: pytest.MonkeyPatch) -> None:
    device = FakeDevice()
    monkeypatch.setattr(ms, "DatasetHelper", device.helper)
    monkeypatch.setattr(ms, "connect_network_with_dataset", device.connect)

    assert choose("Ascend", "auto") == "SunkLoop"


def test_a_number_that_does_not_divide_an_epoch_is_lowered_and_a_line_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        choose("CPU", "2")

    assert "train.sink 2: 1 step(s) at a time (2 does not divide the steps of an epoch)" in caplog.text


@pytest.mark.parametrize(("overrides", "words"), [
    ({"train.sink": "0"}, "train.sink should be auto, off or a number of steps >= 1"),
    ({"train.sink": "often"}, "train.sink"),
    ({"train.sink": "20", "runtime.mode": "pynative"}, "train.sink 20 needs runtime.mode graph"),
])  # fmt: skip
def test_what_cannot_be_sunk_is_refused(overrides: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config(RECIPE, overrides)
