"""Weights come out of whatever a training script wrapped around them, and two sets of them are never mixed up."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from safetensors.numpy import save_file

from common.errors import WeightsError
from netzoo.weights.files import read_weights
from netzoo.weights.wrappers import unwrap

PUBLISHED = {
    "features.0.0.weight": np.ones((2, 3, 1, 1), np.float32),
    "features.0.1.running_mean": np.zeros(2, np.float32),
    "features.0.1.num_batches_tracked": np.array(7),
    "classifier.1.weight": np.ones((4, 2), np.float32),
}
OURS = {"features.0.features.0.weight", "features.0.features.1.moving_mean", "dense.weight"}
PREFIXES = [
    "module.",
    "model.",
    "backbone.",
    "network.",
    "_orig_mod.",
    "net.",
    "encoder.",
    "student.",
    "ema.",
    "module._orig_mod.",
    "_orig_mod.module.",
    "model.module.backbone.",
    "my_own_wrapper.",
]


def wrapped(prefix: str, tensors: Mapping[str, np.ndarray] = PUBLISHED) -> dict[str, np.ndarray]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def write(path: Path, tensors: Mapping[str, np.ndarray]) -> Path:
    if path.suffix == ".ckpt":
        ms.save_checkpoint([{"name": name, "data": ms.Tensor(value)} for name, value in tensors.items()], str(path))
    else:
        save_file(dict(tensors), path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_is_stripped_and_said(
    prefix: str, suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / f"net{suffix}", wrapped(prefix))

    with caplog.at_level(logging.INFO):
        assert set(read_weights(path)) == OURS

    assert f"stripped the prefix {prefix!r} from 3 of 3 names" in caplog.messages


def test_plain_names_need_no_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert set(read_weights(write(tmp_path / "net.safetensors", PUBLISHED))) == OURS

    assert "prefix" not in caplog.text


def test_a_head_beside_a_wrapped_backbone_stays_one(tmp_path: Path) -> None:
    tensors = wrapped("backbone.", {name: PUBLISHED[name] for name in list(PUBLISHED)[:3]})
    tensors["classifier.1.weight"] = PUBLISHED["classifier.1.weight"]

    assert set(read_weights(write(tmp_path / "net.safetensors", tensors))) == OURS


@pytest.mark.parametrize("prefix", ["model.", "network.", "module._orig_mod."])
def test_lenets_names_are_known_too(prefix: str) -> None:
    names = {"c1.weight": np.ones(2), "norm1.gamma": np.ones(2), "dense.bias": np.ones(2)}

    assert set(unwrap(wrapped(prefix, names))) == set(names)


def test_names_that_no_prefix_makes_known_are_left(tmp_path: Path) -> None:
    names = {"module.trunk.weight": np.ones(2), "encoder.layer.bias": np.ones(2), "aux.classifier.weight": np.ones(2)}

    assert set(unwrap(names)) == set(names)


def test_a_networks_own_names_are_left() -> None:
    own = {"backbone.conv.weight": np.ones(2), "backbone.head.bias": np.ones(2), "model.head.bias": np.ones(2)}

    assert set(unwrap(own, own)) == set(own)
    assert set(unwrap(wrapped("module.", own), own)) == set(own)


@pytest.mark.parametrize(
    ("first", "second"), [("model.", "ema."), ("student.", "teacher."), ("", "ema."), ("module.", "module.model_ema.")]
)
def test_two_sets_are_refused_by_name(first: str, second: str, tmp_path: Path) -> None:
    path = write(tmp_path / "both.safetensors", wrapped(first) | wrapped(second))

    with pytest.raises(WeightsError, match=r"two sets of weights .*a file of its own") as caught:
        read_weights(path)

    assert str(path) in str(caught.value)
    assert all((repr(prefix) if prefix else "no prefix") in str(caught.value) for prefix in (first, second))


OPTIMIZER = {"state": {0: {"exp_avg": np.ones(2)}}, "param_groups": [{"lr": 0.1}]}


def load(state: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    (tmp_path / "net.pth").write_bytes(b"read by the next line")
    monkeypatch.setattr("netzoo.weights.files.read_pytorch_file", lambda path: state)
    return read_weights(tmp_path / "net.pth")


@pytest.mark.parametrize(
    "state",
    [
        pytest.param({key: wrapped(""), "epoch": 3, "optimizer": OPTIMIZER}, id=key)
        for key in ("state_dict", "model", "model_state_dict", "model_ema", "ema", "net")
    ]
    + [
        pytest.param(wrapped(""), id="plain"),
        pytest.param({"state_dict": wrapped("module.")}, id="wrapped inside"),
        pytest.param({"model_ema": {"module": wrapped(""), "decay": 0.9}}, id="two deep"),
        pytest.param({"state_dict": wrapped("model."), "optimizer_states": [OPTIMIZER]}, id="a trainer's list"),
        pytest.param({"n_averaged": np.array(3)} | wrapped("module."), id="averaged"),
    ],
)
def test_nested_dictionaries_are_understood(state: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(load(state, tmp_path, monkeypatch)) == OURS


def test_a_model_beside_its_average_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match=r"'model\.' \(3 tensors\) and 'model_ema\.' \(3 tensors\)"):
        load({"model": wrapped(""), "model_ema": wrapped("")}, tmp_path, monkeypatch)


def test_something_else_than_a_dictionary_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="holds no dictionary of tensors"):
        load([1, 2], tmp_path, monkeypatch)
