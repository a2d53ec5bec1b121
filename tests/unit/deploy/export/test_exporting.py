"""Export: every network in every form computes what the trained one computes, and a wrong export is caught."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

ms = pytest.importorskip("mindspore")

from mindspore import nn  # noqa: E402

from common.errors import BundleError, ParityError  # noqa: E402
from datazoo.pictures import Splits  # noqa: E402
from datazoo.pipeline.spec import PreprocessingSpec  # noqa: E402
from deploy.bundle.bundle import read_bundle  # noqa: E402
from deploy.export import formats, onnx_mend, parity  # noqa: E402
from deploy.export.exporting import export_bundle, inference_network  # noqa: E402
from deploy.export.mindir_runtime import MindirRuntime  # noqa: E402
from deploy.export.request import ExportRequest  # noqa: E402
from deploy.export.writer import picture_shape  # noqa: E402
from deploy.use.runtimes import OnnxRuntime  # noqa: E402
from engine.jobs.restore import restore_network  # noqa: E402

RGB = {"color": "rgb", "resize": 36, "image_size": 32}
SMALL_MOBILENET = {
    "name": "mobilenetv2",
    "width_mult": 0.35,
    "last_channel": 64,
    "inverted_residual_setting": [[1, 16, 1, 1], [6, 24, 2, 2]],
}
NETWORKS = {
    "lenet5_original": ({"name": "lenet5_original"}, None, None),
    "lenet5_improved": ({"name": "lenet5_improved"}, None, None),
    "mobilenetv2_dense": (SMALL_MOBILENET, RGB, None),
    "mobilenetv2_v3": ({**SMALL_MOBILENET, "head": {"kind": "v3", "hidden_channels": 16}}, RGB, None),
    "mobilenetv2_lora": (SMALL_MOBILENET, RGB, {"enabled": True, "targets": r"features\.2\.conv\.2|dense", "rank": 2}),
    "mobilenetv2_softmax": ({**SMALL_MOBILENET, "head": {"activation": "softmax"}}, RGB, None),
}


@pytest.fixture(scope="module")
def lenet5(make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint({"name": "lenet5_modern"})


def test_bundle_holds_what_an_edge_developer_needs(lenet5: Path, digits: Splits, tmp_path: Path) -> None:
    request = ExportRequest(lenet5, ("mindir", "onnx"), local_names={"zh": tuple("零一二三四五六七八九")})
    manifest = export_bundle(tmp_path / "bundle", request, digits.val, digits.train)

    bundle = read_bundle(tmp_path / "bundle")
    assert bundle.manifest == manifest
    assert bundle.classes == tuple("0123456789")
    assert (bundle.path / "labels.zh.txt").read_text(encoding="utf-8").split()[3] == "三"
    for name in ("mindir", "onnx"):
        proof = manifest.models[name].parity
        assert proof is not None
        assert proof.n == len(digits.val)
        assert proof.max_abs_diff < 1e-4
        assert proof.top1_agreement == 1
        assert proof.accuracy.correct == manifest.accuracy.correct
    assert manifest.models["onnx"].input.shape == ("batch", 1, 28, 28)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize(
    ("name", "fold"),
    [
        ("lenet5_original", False),
        ("lenet5_improved", True),
        ("mobilenetv2_dense", True),
        ("mobilenetv2_v3", False),
        ("mobilenetv2_lora", True),
        ("mobilenetv2_softmax", False),
    ],
)
def test_exported_graphs_equal_the_trained_network(
    name: str, fold: bool, make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    model, preprocessing, lora = NETWORKS[name]
    checkpoint = make_checkpoint(model, lora=lora, **({"preprocessing": preprocessing} if preprocessing else {}))
    trained, sidecar = restore_network(checkpoint)
    trained.set_train(False)
    spec = PreprocessingSpec.model_validate(sidecar.preprocessing)
    shape = picture_shape(spec)
    pictures = np.random.default_rng(2).normal(size=(5, *shape)).astype(np.float32)
    expected = trained(ms.Tensor(pictures)).asnumpy()

    network, merged, folded = inference_network(checkpoint, spec if fold else None)
    formats.export_mindir(network, shape, None, tmp_path / "model.mindir")
    formats.export_onnx(network, shape, tmp_path / "model.onnx", "logits")

    np.testing.assert_allclose(MindirRuntime(tmp_path / "model.mindir", None)(pictures), expected, atol=1e-4)
    np.testing.assert_allclose(OnnxRuntime(tmp_path / "model.onnx")(pictures), expected, atol=1e-4)
    assert np.abs(expected).max() > 0.01
    assert (merged > 0) == (lora is not None)
    operators = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert "Dropout" not in operators
    assert (folded > 0) == fold
    assert not (fold and "BatchNormalization" in operators)


def test_fixed_batch_takes_any_number_of_pictures(lenet5: Path, tmp_path: Path) -> None:
    network, _, _ = inference_network(lenet5, None)
    formats.export_onnx(network, (1, 28, 28), tmp_path / "free.onnx", "logits")
    model = onnx.load(tmp_path / "free.onnx")
    onnx_mend.fix_batch(model, 4)
    onnx.save(model, tmp_path / "fixed.onnx")
    pictures = np.random.default_rng(0).normal(size=(6, 1, 28, 28)).astype(np.float32)

    fixed = OnnxRuntime(tmp_path / "fixed.onnx")(pictures)

    np.testing.assert_allclose(fixed, OnnxRuntime(tmp_path / "free.onnx")(pictures), atol=1e-6)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 4


def test_onnx_names_are_readable(make_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    network, _, _ = inference_network(make_checkpoint(SMALL_MOBILENET, RGB), None)
    formats.export_onnx(network, (3, 32, 32), tmp_path / "model.onnx", "logits")

    graph = onnx.load(tmp_path / "model.onnx").graph

    names = [node.name for node in graph.node]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][\w.]*/[A-Z]\w+", name) for name in names)
    assert "features.2.conv.1.features.0/Conv" in names
    assert {"Constant", "Cast"}.isdisjoint(node.op_type for node in graph.node)
    assert graph.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def _mirror_kernels(network: nn.Cell) -> None:
    weight = network.c1.weight.asnumpy()
    network.c1.weight.set_data(ms.Tensor(np.ascontiguousarray(weight[..., ::-1])))


def _batch_statistics(network: nn.Cell) -> None:
    network.norm1.set_train(True)


def _shift_bias(network: nn.Cell) -> None:
    network.dense.bias.set_data(network.dense.bias + 0.01)


@pytest.mark.parametrize(
    ("name", "plant"), [("mindir", _batch_statistics), ("onnx", _mirror_kernels), ("onnx", _shift_bias)]
)
def test_planted_wrong_export_is_caught_and_leaves_nothing(
    plant: Callable[[nn.Cell], None],
    name: str,
    make_checkpoint: Callable[..., Path],
    digits: Splits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checkpoint = make_checkpoint({"name": "lenet5_improved"})
    write = getattr(formats, f"export_{name}")

    def wrong(network: nn.Cell, *arguments: Any) -> Any:
        plant(network)
        if plant is _batch_statistics:  # the exporter would switch to inference itself
            monkeypatch.setattr(type(network), "set_train", lambda self, mode=True: self)
        return write(network, *arguments)

    monkeypatch.setattr(formats, f"export_{name}", wrong)

    with pytest.raises(ParityError, match=r"does not compute|cannot be run"):
        export_bundle(tmp_path / "bundle", ExportRequest(checkpoint, (name,)), digits.val, digits.train)
    assert list(tmp_path.iterdir()) == []


def test_a_filter_that_not_every_format_has_is_refused(
    make_checkpoint: Callable[..., Path], digits: Splits, tmp_path: Path
) -> None:
    gray = {"color": "gray", "resize": 32, "image_size": 32, "mean": [0.5], "std": [0.5], "interpolation": "bilinear"}
    request = ExportRequest(make_checkpoint({"name": "lenet5_modern"}, gray), ("onnx",))
    with pytest.raises(BundleError, match="interpolation bilinear, which not every exported format has"):
        export_bundle(tmp_path / "bundle", request, digits.val, digits.train)
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_are_not_finite_are_refused() -> None:
    reference = parity.Reference("val", np.array([0, 1]), Path("unused.npy"), np.zeros((2, 3), np.float32))

    with pytest.raises(ParityError, match="2 of 6 outputs are not finite"):
        parity.compare(np.array([[0, np.nan, 0], [np.inf, 0, 0]], np.float32), reference, "test", 1e-3)


def test_another_class_is_refused_however_small_the_difference() -> None:
    reference = parity.Reference("val", np.array([0]), Path("unused.npy"), np.array([[1.0, 1.00001]], np.float32))

    result = parity.compare(np.array([[1.00002, 1.0]], np.float32), reference, "test", 1e-3)

    with pytest.raises(ParityError, match=r"top-1 agrees on 0\.0%"):
        parity.check("onnx", result)


def test_air_off_an_ascend_is_refused_with_the_reason() -> None:
    with pytest.raises(BundleError, match="Ascend's graph engine"):
        formats.check_formats(("onnx", "air"), "CPU")


def test_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BundleError, match=r"unknown format 'tflite'; there are mindir, onnx"):
        formats.check_formats(("tflite",), "CPU")


def test_manifest_is_plain_json(lenet5: Path, digits: Splits, tmp_path: Path) -> None:
    export_bundle(tmp_path / "bundle", ExportRequest(lenet5, ("onnx",)), digits.val.subset(range(5)), digits.train)

    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text(encoding="utf-8"))

    assert manifest["models"]["onnx"]["opset"] == 11
    files = {p.relative_to(tmp_path / "bundle").as_posix() for p in (tmp_path / "bundle").rglob("*") if p.is_file()}
    assert set(manifest["files"]) == files - {"manifest.json"}
