"""The MindSpore Lite hand-over: operators, conversion commands, sample clients."""

from __future__ import annotations

import ast
import configparser
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from datazoo.pictures import Splits
from datazoo.pipeline.pillow_path import preprocess
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.bundle import read_bundle
from deploy.lite import check as lite_check
from deploy.lite.operators import check_operators, read_table
from deploy.lite.samples import classify

SAMPLES = Path(classify.__file__).parent
PROGRAMS = SAMPLES.parents[1] / "use" / "lite_programs"
SPECS = {
    "rgb": PreprocessingSpec(resize=36, image_size=32, pad=1),
    "gray": PreprocessingSpec(color="gray", resize=28, image_size=28, mean=(0.1307,), std=(0.3081,)),
    "unresized": PreprocessingSpec(color="gray", resize=None, image_size=28, pad=2, mean=(0.5,), std=(0.5,)),
    "larger_than_resized": PreprocessingSpec(resize=20, image_size=25),
}
SIZES = [(17, 31), (64, 40), (33, 33), (5, 90)]


def _pictures() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)) for height, width in SIZES]


def _odd_pictures(folder: Path) -> list[Path]:
    """Pictures that decoders like to get wrong: 16 bits, transparency, a palette, lying on their side."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (40, 50, 4), dtype=np.uint8)
    Image.fromarray(rng.integers(0, 65536, (40, 50), dtype=np.uint16)).save(folder / "deep.png")
    Image.fromarray(pixels, "RGBA").save(folder / "transparent.png")
    Image.fromarray(pixels[..., :3]).quantize(16).save(folder / "palette.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels[..., :3]).save(folder / "turned.jpg", exif=exif)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("name", SPECS)
def test_python_client_preprocesses_as_training_does(name: str) -> None:
    for picture in _pictures():
        own = classify.preprocess(picture, SPECS[name].model_dump(mode="json"))

        np.testing.assert_array_equal(own[0], preprocess(picture, SPECS[name]))


def test_python_client_decodes_as_training_does(tmp_path: Path) -> None:
    for file in _odd_pictures(tmp_path):
        with Image.open(file) as picture, Image.open(file) as again:
            own = classify.preprocess(picture, SPECS["rgb"].model_dump(mode="json"))

            np.testing.assert_array_equal(own[0], preprocess(again, SPECS["rgb"]), err_msg=file.name)


def test_python_client_is_python_3_7() -> None:
    for file in (SAMPLES / "classify.py", *PROGRAMS.glob("*.py")):
        source = file.read_text(encoding="utf-8")

        ast.parse(source, feature_version=(3, 7))

        assert "from __future__ import annotations" in source, file


class _BufferedModel:
    """A model that keeps its outputs in one buffer, as Lite does."""

    shape = (1, 2, 2, 3)

    def __init__(self) -> None:
        self._buffer = np.zeros((1, 1), np.float32)

    def get_inputs(self) -> list[_BufferedModel]:
        return [self]

    def set_data_from_numpy(self, value: np.ndarray) -> None:
        assert value.shape == self.shape
        self._buffer[:] = value.sum()

    def predict(self, inputs: list[_BufferedModel]) -> list[_BufferedModel]:
        return [self]

    def get_data_to_numpy(self) -> np.ndarray:
        return self._buffer


def test_python_client_keeps_outputs_that_the_next_call_overwrites() -> None:
    model = _BufferedModel()

    outputs = [classify.run_lite(model, np.full((1, 3, 2, 2), value, np.float32)) for value in (1, 2)]

    assert [output.item() for output in outputs] == [12, 24]


@pytest.fixture(scope="module")
def cpp_preprocess(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that writes what the C++ client's preprocessing gives."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("cpp")
    (folder / "main.cc").write_text("""
#include <iostream>
#include "picture_file.h"
int main(int, char **argv) {
  const auto values = Preprocess(ReadPicture(argv[2]), ReadPreprocessing(argv[1]));
  std::cout.write(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float));
}
""")
    command = [compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{SAMPLES}", "main.cc", "-o", "program"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "program"


@pytest.mark.parametrize("name", SPECS)
def test_cpp_client_preprocesses_as_training_does(name: str, cpp_preprocess: Path, tmp_path: Path) -> None:
    spec = SPECS[name]
    (tmp_path / "preprocessing.json").write_text(json.dumps(spec.model_dump(mode="json"), indent=2))
    for picture in _pictures():
        picture.save(tmp_path / "picture.ppm")

        done = subprocess.run(
            [cpp_preprocess, tmp_path / "preprocessing.json", tmp_path / "picture.ppm"], capture_output=True, check=True
        )

        expected = preprocess(picture, spec)
        np.testing.assert_array_equal(np.frombuffer(done.stdout, np.float32).reshape(expected.shape), expected)


def test_cpp_client_uses_only_lite_calls_that_exist(tmp_path: Path) -> None:
    """Compile against headers with the signatures of Lite's documentation; linking needs Lite itself."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    api = tmp_path / "include" / "api"
    api.mkdir(parents=True)
    (api / "context.h").write_text("""
#pragma once
#include <memory>
#include <vector>
namespace mindspore {
struct DeviceInfoContext { virtual ~DeviceInfoContext() = default; };
struct CPUDeviceInfo : DeviceInfoContext {};
struct Context { std::vector<std::shared_ptr<DeviceInfoContext>> &MutableDeviceInfo(); };
}
""")
    (api / "model.h").write_text("""
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>
#include "include/api/context.h"
namespace mindspore {
enum StatusCode { kSuccess = 0 };
enum ModelType { kMindIR = 0, kMindIR_Lite = 4 };
struct Status { bool operator==(StatusCode) const; bool operator!=(StatusCode) const; };
struct MSTensor {
  const std::vector<int64_t> &Shape() const; void *MutableData(); size_t DataSize() const; int64_t ElementNum() const;
};
struct Model {
  Status Build(const std::string &, ModelType, const std::shared_ptr<Context> &);
  std::vector<MSTensor> GetInputs();
  Status Resize(const std::vector<MSTensor> &, const std::vector<std::vector<int64_t>> &);
  Status Predict(const std::vector<MSTensor> &, std::vector<MSTensor> *);
};
}
""")
    command = [compiler, "-std=c++17", "-Wall", "-fsyntax-only", f"-I{tmp_path}", str(SAMPLES / "classify.cc")]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def _graph(nodes: list[onnx.NodeProto], initializers: Iterable[onnx.TensorProto] = ()) -> onnx.ModelProto:
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    return helper.make_model(helper.make_graph(nodes, "g", tensors[:1], tensors[1:], list(initializers)))


def test_operator_that_lite_lacks_is_a_problem() -> None:
    found = check_operators(_graph([helper.make_node("Hardmax", ["x"], ["y"])]))

    assert [support.problem for support in found] == ["not in Lite's list"]


@pytest.mark.parametrize(("highest", "problem"), [(6.0, ""), (5.0, "Lite reads Clip between 0 and 6 only")])
def test_clip_is_relu6_or_a_problem(highest: float, problem: str) -> None:
    bounds = [numpy_helper.from_array(np.array(v, np.float32), n) for n, v in (("low", 0.0), ("high", highest))]

    (support,) = check_operators(_graph([helper.make_node("Clip", ["x", "low", "high"], ["y"])], bounds))

    assert support.problem == problem


def test_table_names_onnx_operators_only() -> None:
    assert all(onnx.defs.has(operator) for operator in read_table())


def test_handover_names_files_that_are_there(bundle: Path) -> None:
    config = configparser.ConfigParser()
    config.read(bundle / "lite" / "full_quant.cfg")
    name, folder = config["data_preprocess_param"]["calibrate_path"].split(":")
    pictures = list((bundle / folder).glob("*.png"))

    assert name == onnx.load(bundle / "model.onnx").graph.input[0].name
    assert len(pictures) == int(config["data_preprocess_param"]["calibrate_size"]) >= 100
    assert Image.open(pictures[0]).size == (28, 28)
    commands = [
        line for line in (bundle / "lite" / "convert.sh").read_text().splitlines() if "converter_lite --" in line
    ]
    assert [command.partition("--inputShape=image:1,1,28,28")[2].strip() for command in commands] == [
        "",
        "--fp16=on",
        "--configFile=lite/full_quant.cfg",
        "--configFile=lite/weight_quant.cfg",
        "--configFile=lite/dynamic_quant.cfg",
    ]
    assert all((bundle / "lite" / f"{name}_quant.cfg").is_file() for name in ("full", "weight", "dynamic"))


def test_check_says_plainly_what_was_not_run(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LITE_ENV", str(tmp_path / "nothing"))

    assert lite_check.main([str(bundle)]) == 0

    printed = capsys.readouterr().out
    assert "not run here (MindSpore Lite is not set up" in printed
    assert "python -m deploy.lite setup" in printed
    assert "Conv " in printed
    assert read_bundle(bundle).manifest.lite == {}


def test_bundle_says_which_lite_reads_which_file(
    make_checkpoint: Callable[..., Path], digits: Splits, tmp_path: Path
) -> None:
    from deploy.export.exporting import export_bundle
    from deploy.export.request import ExportRequest

    request = ExportRequest(make_checkpoint({"name": "lenet5_modern"}), ("mindir", "onnx"))
    manifest = export_bundle(tmp_path / "bundle", request, digits.val, digits.train)

    assert manifest.lite_readers["model.onnx"].startswith("any Lite from 2.0.0 on")
    assert manifest.lite_readers["model.mindir"].startswith("mind_ir_version 3: Lite 2.0.0 refuses it")
    text = (tmp_path / "bundle" / "README.md").read_text()
    assert all(f"- `{file}`: {reader}" in text for file, reader in manifest.lite_readers.items())
