"""A class activation map is a decomposition of a logit: its mean and the bias are the logit, by whoever computes it."""

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import mindspore as ms
import numpy as np
import pytest
from hypothesis import given

from common.onnx_session import OnnxNetwork
from engine.jobs.inference import open_in_mindspore, open_network
from engine.jobs.pooled_network import PooledNetwork, open_pooled, pooled_in_cell, pooled_in_checkpoint
from engine.run.exported_networks import ExportedNetworks
from tests.unit.engine.jobs.test_inference import LENET, MOBILENET, RGB, SPEC, save

PICTURES = np.random.default_rng(2).normal(size=(5, 3, 32, 32)).astype(np.float32)
CLASSES = np.array([0, 1, 2, 1, 0])
V3 = {**MOBILENET, "head": {"kind": "v3", "hidden_channels": 16}}
LORA = {"enabled": True, "targets": "dense", "rank": 2, "alpha": 4.0, "dropout": 0.0}


@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 7), st.integers(1, 6), st.integers(1, 5))
def test_a_maps_mean_and_the_bias_are_the_logit(seed: int, height: int, width: int, depth: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(3, depth, height, width)).astype(np.float32)
    weight, bias = rng.normal(size=(classes, depth)), rng.normal(size=classes)
    chosen = rng.integers(0, classes, 3)

    maps, logits = PooledNetwork(lambda _: features, weight, bias).explain(PICTURES, chosen)

    by_hand = [f.mean((1, 2)) @ weight[label] + bias[label] for f, label in zip(features, chosen, strict=True)]
    assert maps.shape == (3, height, width)
    assert maps.mean((1, 2)) + bias[chosen] == pytest.approx(np.array(by_hand), abs=1e-5)
    assert logits[np.arange(3), chosen] == pytest.approx(np.array(by_hand), abs=1e-5)


@pytest.mark.parametrize(
    ("model", "lora"),
    [(MOBILENET, None), ({**MOBILENET, "head": {"activation": "softmax"}}, None), (MOBILENET, LORA)],
    ids=["Dense", "softmax", "adapter on the head"],
)
def test_maps_explain_what_onnxruntime_answers(
    tmp_path: Path, model: dict[str, Any], lora: dict[str, Any] | None
) -> None:
    exported = open_network(save(tmp_path / "run", model, RGB, lora), logits=True, exports=ExportedNetworks(tmp_path))

    network, pooled = open_pooled(exported.model)

    assert pooled is not None
    maps, _ = pooled.explain(PICTURES, CLASSES)
    assert np.array_equal(network(PICTURES), OnnxNetwork(exported.model)(PICTURES))
    answers = network(PICTURES)[np.arange(5), CLASSES]
    assert maps.mean((1, 2)) + pooled.bias[CLASSES] == pytest.approx(answers, abs=1e-4)


def test_mindspore_and_onnxruntime_give_the_same_maps(tmp_path: Path) -> None:
    checkpoint = save(tmp_path / "run", MOBILENET, RGB, LORA)
    answers = open_in_mindspore(checkpoint, logits=True)
    assert answers.cell is not None

    by_onnxruntime, by_mindspore = (pooled_in_checkpoint(checkpoint, device) for device in ("CPU", "Ascend"))

    assert by_onnxruntime is not None
    assert by_mindspore is not None
    maps, logits = by_mindspore.explain(PICTURES, CLASSES)
    assert logits == pytest.approx(answers.cell(ms.Tensor(PICTURES)).asnumpy(), abs=1e-4)
    assert by_onnxruntime.explain(PICTURES, CLASSES)[0] == pytest.approx(maps, abs=1e-4)


@pytest.mark.parametrize("model", [V3, LENET], ids=["hidden layers in the head", "nothing pooled"])
def test_a_network_that_ends_otherwise_has_no_exact_maps(tmp_path: Path, model: dict[str, Any]) -> None:
    checkpoint = save(tmp_path / "run", model, RGB if model is V3 else SPEC)
    opened = open_in_mindspore(checkpoint, logits=True)

    assert opened.cell is not None
    assert pooled_in_cell(opened.cell) is None
    assert pooled_in_checkpoint(checkpoint, "CPU") is None
    exported = open_network(checkpoint, logits=True, exports=ExportedNetworks(tmp_path))
    assert open_pooled(exported.model)[1] is None
