"""Smaller files are chosen on validation pictures, and only where they hold there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("mindspore")

from common.errors import BundleError
from datazoo.pictures import Splits
from deploy.bundle.bundle import read_bundle
from deploy.export import choice
from deploy.export.exporting import export_bundle
from deploy.export.parity import Reference, compare
from deploy.export.quantize import Int8Quantiser
from deploy.export.request import ExportRequest
from deploy.export.sensitivity import layer_sensitivity, sensitivity_text
from deploy.use.runtimes import OnnxRuntime


def _reference(right: int, n: int) -> Reference:
    """Answers of a network that is right on the first pictures; class 1 is right."""
    outputs = np.tile([[1.0, 0.0]], (n, 1)).astype(np.float32)
    outputs[:right] = [0, 1]
    return Reference("val", np.ones(n, int), Path("unused.npy"), outputs)


@given(st.integers(1, 400), st.data())
def test_more_than_a_point_lost_is_refused_and_nothing_else_is(n: int, data: st.DataObject) -> None:
    before, after = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    parity = compare(_reference(after, n).outputs, _reference(before, n), "test", None)

    problem = choice.loss_problem(_reference(before, n), parity)

    assert (problem is not None) == (100 * (before - after) > n)
    if problem:
        assert f"right on {after} of {n} val pictures where the trained network is on {before}" in problem


@pytest.fixture(scope="module")
def exported(make_checkpoint: Callable[..., Path], digits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a smaller file, proven on the test split."""
    target = tmp_path_factory.mktemp("exported") / "bundle"
    request = ExportRequest(make_checkpoint({"name": "lenet5_modern"}), ("onnx_fp16",))
    export_bundle(target, request, digits.named("test"), digits.train, digits.val)
    return target


def test_smaller_files_are_judged_on_validation_pictures_whatever_the_proof_is_on(
    exported: Path, digits: Splits
) -> None:
    model = read_bundle(exported).manifest.models["onnx_fp16"]

    assert model.parity is not None
    assert model.validation is not None
    assert (model.validation.accuracy.split, model.validation.n) == ("val", len(digits.val))
    assert (model.parity.accuracy.split, model.parity.n) == ("test", len(digits.named("test")))


def test_readme_tells_what_smaller_files_were_chosen_by(exported: Path) -> None:
    manifest = read_bundle(exported).manifest
    text = (exported / "README.md").read_text()

    model = manifest.models["onnx_fp16"]
    assert manifest.validation is not None
    assert model.validation is not None
    assert f"179 val pictures, of which the trained network names {manifest.validation.correct} rightly" in text
    assert f"- `model_fp16.onnx`: {model.validation.accuracy.correct} of 179" in text
    assert "slower with it" in text


def test_test_pictures_choose_nothing(make_checkpoint: Callable[..., Path], digits: Splits, tmp_path: Path) -> None:
    request = ExportRequest(make_checkpoint({"name": "lenet5_modern"}), ("onnx", "onnx_int8"))

    with pytest.raises(BundleError, match="onnx_int8: chosen on validation pictures only"):
        export_bundle(tmp_path / "bundle", request, digits.named("test"), digits.train)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def touchy_network(small_network: Path) -> Path:
    """The small network with large weights on a channel that is always 0: 7 bits lose all others of that layer."""
    model = onnx.load(small_network)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    weights = {name: onnx.numpy_helper.to_array(tensor).copy() for name, tensor in tensors.items()}
    weights["first.weight"][0] = 0
    weights["second.weight"][:, 0] = 40
    for name in ("first.weight", "second.weight"):
        tensors[name].CopyFrom(onnx.numpy_helper.from_array(weights[name], name))
    onnx.save(model, small_network)
    return small_network


def _pictures(count: int = 20) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 3, 16, 16)).astype(np.float32)


def test_sensitivity_names_the_layer_that_suffers_most(touchy_network: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    quantiser = Int8Quantiser(touchy_network, tmp_path / "own", iter(_pictures()))

    layers = layer_sensitivity(quantiser, touchy_network, _pictures())

    assert {layer.layer: layer.weights for layer in layers} == {
        "first/Conv": 4 * 3 * 9, "second/Conv": 64 * 4 * 9, "dense/Gemm": 10 * 64 * 16
    }  # fmt: skip
    assert layers[0].layer == "second/Conv"
    assert layers[0].mean_abs_diff > 3 * layers[1].mean_abs_diff
    assert "and 1 layers that change them by" in sensitivity_text(layers, shown=2)


def test_most_sensitive_layers_stay_float_until_the_file_holds(
    touchy_network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    np.save(tmp_path / "inputs.npy", _pictures())
    outputs = OnnxRuntime(touchy_network)(_pictures())
    validation = Reference("val", outputs.argmax(1), tmp_path / "inputs.npy", outputs)
    quantiser = Int8Quantiser(touchy_network, tmp_path / "own", iter(_pictures()))
    monkeypatch.setattr(choice, "SHARES", (0.0, 0.34, 0.67))  # of three layers
    refusals = iter(["too much is lost", None])
    monkeypatch.setattr(choice, "loss_problem", lambda validation, parity: next(refusals))

    judged = choice.choose_int8(
        touchy_network, tmp_path / "int8.onnx", quantiser, quantiser.write_but, validation, False
    )

    assert judged.refused is None
    assert judged.mended[-1] == "1 of 3 layers stay float32"
    names = {tensor.name for tensor in onnx.load(tmp_path / "int8.onnx").graph.initializer}
    assert "dense.weight_quantized" in names
    assert "second.weight_quantized" not in names
