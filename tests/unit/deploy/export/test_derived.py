"""Files made from the float32 ONNX file: preprocessing inside, int8, float16."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from PIL import Image

from datazoo.pipeline.pillow_path import preprocess
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.export.onnx_picture import with_preprocessing
from deploy.export.quantize import Int8Quantiser, first_layers, to_float16

SPECS = {
    "rgb": PreprocessingSpec(resize=36, image_size=32, pad=1),
    "gray": PreprocessingSpec(color="gray", resize=28, image_size=28, mean=(0.1307,), std=(0.3081,)),
    "unresized": PreprocessingSpec(color="gray", resize=None, image_size=28, pad=2, mean=(0.5,), std=(0.5,)),
    "larger_than_resized": PreprocessingSpec(resize=20, image_size=25),
}


def _nothing_but_preprocessing(spec: PreprocessingSpec) -> onnxruntime.InferenceSession:
    shape = (spec.channels, spec.image_size, spec.image_size)
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["image"], ["logits"])],
        "input",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", int(np.prod(shape))])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=4)
    return onnxruntime.InferenceSession(with_preprocessing(model, spec).SerializeToString())


SESSIONS = {name: _nothing_but_preprocessing(spec) for name, spec in SPECS.items()}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(SPECS)), st.integers(3, 90), st.integers(3, 90), st.integers(0, 2**32 - 1))
@example("rgb", 4, 4, 772390484)  # two roundings the same way, in one value of 3,072
def test_preprocessing_inside_is_the_one_outside_to_one_grey_level_and_very_rarely_two(
    name: str, height: int, width: int, seed: int
) -> None:
    spec = SPECS[name]
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    inside = SESSIONS[name].run(None, {"picture": pixels})[0].ravel()

    outside = preprocess(Image.fromarray(pixels), spec).ravel()
    grey_level = 1 / 255 / min(spec.std)
    difference = np.abs(inside - outside)
    assert difference.max() < 2.001 * grey_level
    assert (difference > 1.5 * grey_level).mean() < 0.002
    assert (difference > 0.5 * grey_level).mean() < 0.02


def test_without_resizing_preprocessing_inside_is_exact() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (31, 17, 3), dtype=np.uint8)

    inside = SESSIONS["unresized"].run(None, {"picture": pixels})[0].ravel()

    np.testing.assert_array_equal(inside, preprocess(Image.fromarray(pixels), SPECS["unresized"]).ravel())


def _quantise(base: Path, target: Path, pictures: np.ndarray, only: tuple[str, ...] = ()) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        quantiser = Int8Quantiser(base, Path(folder), iter(pictures))
        return quantiser.write(target, quantiser.first, only)


def _run(path: Path, pictures: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path)
    return session.run(None, {"image": pictures})[0]


def test_int8_has_a_scale_for_each_channel_and_a_quarter_of_the_size(small_network: Path, tmp_path: Path) -> None:
    pictures = np.random.default_rng(1).normal(size=(20, 3, 16, 16)).astype(np.float32)

    notes = _quantise(small_network, tmp_path / "int8.onnx", pictures)

    quantised, exact = _run(tmp_path / "int8.onnx", pictures), _run(small_network, pictures)
    assert 0 < np.abs(quantised - exact).mean() < 0.12 * np.abs(exact).mean()
    weights = {t.name: t for t in onnx.load(tmp_path / "int8.onnx").graph.initializer}
    assert weights["second.weight_quantized"].data_type == TensorProto.INT8
    assert list(weights["second.weight_scale"].dims) == [64]
    assert (tmp_path / "int8.onnx").stat().st_size < 0.6 * small_network.stat().st_size
    assert "20 training pictures" in notes[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base.onnx", "int8.onnx"]


def test_int8_kernels_compute_what_the_file_says_on_every_processor(small_network: Path, tmp_path: Path) -> None:
    # Where there are no int8 dot products (AVX2), two products of uint8 and 8-bit weights overflow 16 bits, silently.
    pictures = np.random.default_rng(1).normal(size=(20, 3, 16, 16)).astype(np.float32)
    _quantise(small_network, tmp_path / "int8.onnx", pictures)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL

    in_integers = _run(tmp_path / "int8.onnx", pictures)
    in_floats = onnxruntime.InferenceSession(tmp_path / "int8.onnx", options).run(None, {"image": pictures})[0]

    np.testing.assert_allclose(in_integers, in_floats, atol=0.02 * np.abs(in_floats).mean())


def test_float16_halves_the_file_and_keeps_float32_ends(small_network: Path, tmp_path: Path) -> None:
    pictures = np.random.default_rng(1).normal(size=(4, 3, 16, 16)).astype(np.float32)

    to_float16(small_network, tmp_path / "fp16.onnx")

    np.testing.assert_allclose(_run(tmp_path / "fp16.onnx", pictures), _run(small_network, pictures), atol=0.02)
    assert (tmp_path / "fp16.onnx").stat().st_size < 0.55 * small_network.stat().st_size


def test_first_layers_stay_below_their_share(small_network: Path) -> None:
    graph = onnx.load(small_network).graph

    # 108 of 12,662 weights are the first convolution's: 0.9 %, too many; nothing stays float32.
    assert first_layers(graph) == []
