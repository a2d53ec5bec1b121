"""The Python client of a bundle answers without the kit, by onnxruntime too, and says in a line why it cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from PIL import Image

from datazoo.pipeline.spec import PreprocessingSpec
from deploy.lite.samples.classify import classify, main
from deploy.opening import open_classifier
from tests.unit.deploy.small_bundle import SIDE, colour_model, write_bundle

CLIENT = Path("deploy/lite/samples/classify.py").resolve()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    spec = PreprocessingSpec(image_size=SIDE, resize=SIDE, mean=(0, 0, 0), std=(1, 1, 1))
    return write_bundle(tmp_path / "bundle", preprocessing=spec.model_dump_json().encode())


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.new("RGB", (20, 12), (10, 90, 200)).save(path)
    return path


def test_an_onnx_file_answers_as_the_kit_does(bundle: Path, photo: Path) -> None:
    own = classify(bundle, bundle / "model.onnx", photo)

    network = open_classifier(bundle)
    with Image.open(photo) as picture:
        (row,) = network.probabilities([network.prepare(picture)])
    assert [label for _, label in own] == [answer.label for answer in network.answers(row, 3)]
    assert [value for value, _ in own] == pytest.approx(sorted(row, reverse=True))


def test_a_file_of_a_fixed_batch_takes_one_picture(bundle: Path, photo: Path) -> None:
    model = colour_model()
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_value = 4
    onnx.save(model, bundle / "four.onnx")

    assert classify(bundle, bundle / "four.onnx", photo) == classify(bundle, bundle / "model.onnx", photo)


def test_nothing_of_the_kit_is_needed(bundle: Path, photo: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, CLIENT, bundle, bundle / "model.onnx", photo, "1"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[1:] == ["blue"]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("photo", "cannot identify image file"),
        ("no photo", "No such file or directory"),
        ("model", "Load model"),
        ("no bundle", "preprocessing.json"),
        ("picture model", "wants tensor(uint8), the picture itself"),
        ("no lite", "No module named 'mindspore_lite': pip install mindspore-lite==2.0.0"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    broken: str, says: str, bundle: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = bundle / "model.onnx"
    if broken == "photo":
        photo.write_text("not a picture")
    elif broken == "no photo":
        photo.unlink()
    elif broken == "model":
        model.write_bytes(b"no model")
    elif broken == "no bundle":
        (bundle / "preprocessing.json").unlink()
    elif broken == "picture model":
        text = colour_model()
        text.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
        text.graph.node[0].op_type = "ReduceMax"
        del text.graph.node[1:]
        text.graph.node[0].output[0] = "out"
        text.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
        onnx.save(text, model)
    else:
        model = model.rename(bundle / "model.ms")

    code = main([str(bundle), str(model), str(photo)])

    said = capsys.readouterr().err
    assert code == 2
    assert said.startswith("error: ")
    assert says in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["a"], ["a", "b"], ["a", "b", "c", "0"], ["a", "b", "c", "x"], list("abcde")])
def test_wrong_arguments_show_the_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err == "usage: python classify.py BUNDLE MODEL PICTURE [TOP_K]\n"
