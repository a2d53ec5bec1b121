"""Weights that are not finite are never saved, loaded or evaluated."""

from __future__ import annotations

import json
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn
from safetensors.numpy import save_file

from common.errors import RunError, TrainingError, WeightsError
from common.files import sha256_of
from engine.config.optimizer_section import OptimizerConfig
from engine.jobs.restore import restore_network
from engine.jobs.training_state import TrainingState
from engine.run.checkpoint import CheckpointStore, Snapshot
from engine.run.records import Progress
from engine.runtime.parameters import assign, values_of
from engine.runtime.start import Runtime
from engine.step.loss import NetworkWithLoss
from engine.step.optimizer import GroupedOptimizer
from engine.step.train_step import TrainStep
from netzoo import create_net
from netzoo.weights import read_weights

DESCRIPTION = {
    "monitor": "epoch", "classes": ["a", "b"], "preprocessing": {},
    "model": {"name": "lenet5_modern", "num_classes": 2}, "parameters": {},
}  # fmt: skip


class Small(nn.Cell):
    """A layer and its BatchNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Dense(2, 2)
        self.norm = nn.BatchNorm1d(2)

    def construct(self, x: ms.Tensor) -> ms.Tensor:
        return self.norm(self.dense(x))


def make_state(
    ema_decay: float | None = None, wise_ft: float | None = None, *, has_front: bool = False
) -> tuple[Small, TrainStep, TrainingState]:
    network = Small()
    parameters = network.trainable_params()
    optimizer = GroupedOptimizer(OptimizerConfig(), parameters, [1.0] * len(parameters))
    step = TrainStep(NetworkWithLoss(network), optimizer, ema_decay=ema_decay)
    front = network.dense if has_front else None
    state = TrainingState(step, network, Progress(3, 4, 2, step=7), Runtime("CPU"), wise_ft_alpha=wise_ft, front=front)
    return network, step, state


def test_finite_weights_are_saved() -> None:
    network, _, state = make_state(0.9, 0.5)

    state.check_finite()

    assert state.weights().keys() == values_of(network.get_parameters()).keys()


@pytest.mark.parametrize(("name", "bad"), [("norm.moving_variance", np.nan), ("dense.weight", np.inf)])
@pytest.mark.parametrize("wise_ft", [None, 0.5])
def test_the_parameter_and_the_step_are_named(name: str, bad: float, wise_ft: float | None) -> None:
    network, _, state = make_state(wise_ft=wise_ft)
    parameter = next(p for p in network.get_parameters() if p.name.endswith(name))
    assign(parameter, np.full(parameter.shape, bad, np.float32))

    for check in (state.check_finite, state.weights):
        with pytest.raises(TrainingError, match=rf"{name} is not finite any more after step 7"):
            check()


def test_frozen_layers_behind_cached_features_are_looked_at_too() -> None:
    network, _, state = make_state(has_front=True)
    assign(network.dense.bias, np.full(2, np.nan, np.float32))

    with pytest.raises(TrainingError, match=r"dense\.bias is not finite any more"):
        state.check_finite()


def test_frozen_layers_are_saved_as_a_checkpoint_left_them(tmp_path: Path) -> None:
    _, _, state = make_state(has_front=True)
    saved = state.weights()
    checkpoint = CheckpointStore(tmp_path, DESCRIPTION).save(Snapshot(saved, 1, 7, None, False, *state.rest()))
    network, _, other = make_state(has_front=True)
    assign(network.dense.bias, np.array([3, 4], np.float32))
    other.weights()  # reads this network's own

    other.go_on_from(checkpoint)

    assert list(other.weights()) == list(saved)
    assert all(np.array_equal(value, saved[name]) for name, value in other.weights().items())


def test_averaged_weights_are_looked_at() -> None:
    _, step, state = make_state(0.9)
    assign(step.ema[0], np.full(step.ema[0].shape, np.nan, np.float32))

    with pytest.raises(TrainingError, match="is not finite any more"):
        state.check_finite()


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_a_weights_file_with_nan_is_refused_and_the_tensor_named(tmp_path: Path, suffix: str) -> None:
    tensors = {"c1.weight": np.zeros((2, 2), np.float32), "dense.bias": np.array([1, np.nan], np.float32)}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".ckpt":
        ms.save_checkpoint([{"name": name, "data": ms.Tensor(value)} for name, value in tensors.items()], str(path))
    else:
        save_file(tensors, path)

    with pytest.raises(WeightsError, match=r"dense\.bias holds NaN") as error:
        read_weights(path)

    assert str(path) in str(error.value)


def test_a_checkpoint_of_a_run_that_diverged_is_refused(tmp_path: Path) -> None:
    values = values_of(create_net("lenet5_modern", num_classes=2).get_parameters())
    values["dense.bias"][0] = np.nan
    path = tmp_path / "epoch_0001.ckpt"
    ms.save_checkpoint([{"name": name, "data": ms.Tensor(value)} for name, value in values.items()], str(path))
    sidecar = {"epoch": 1, "step": 1, "score": None, "sha256": sha256_of(path), **DESCRIPTION}
    path.with_suffix(".json").write_text(json.dumps(sidecar))

    with pytest.raises(RunError, match=r"dense\.bias holds NaN"):
        restore_network(path)
