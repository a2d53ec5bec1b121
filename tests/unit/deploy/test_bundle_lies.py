"""A bundle is believed as a whole or not at all: what it says of itself must be what its model does."""

from __future__ import annotations

import copy
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from common.errors import BundleError
from deploy.bundle.bundle import read_bundle
from deploy.opening import open_classifier
from deploy.use.classifier import NOT_FINITE, Answer
from tests import older
from tests.unit.deploy.small_bundle import CLASSES, colour_model, onnx_entry, picture_bytes, write_bundle


def _answers(bundle: Path) -> tuple[Answer, ...]:
    classifier = open_classifier(bundle)
    with Image.open(io.BytesIO(picture_bytes())) as image:
        row = classifier.probabilities([classifier.prepare(image)])[0]
    return classifier.answers(row, 3)


def _outcome(bundle: Path) -> tuple[Answer, ...] | str:
    """Answers, or why the bundle is refused."""
    try:
        return _answers(bundle)
    except BundleError as error:
        return str(error)


def test_an_honest_bundle_answers(tmp_path: Path) -> None:
    best = _answers(write_bundle(tmp_path / "b"))[0]

    assert best.label == "red"
    assert best.probability > 0.99


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"labels": b"a\nb\n", "num_classes": 2}, "gives batchx3 for 2 classes"),
        ({"labels": b"a\nb\n", "num_classes": 3}, "2 names for 3 classes"),
        ({"labels": b"\xff\na\nb\n"}, "labels.txt is not UTF-8"),
        ({"labels": b"a\n\x1b[2J\nb\n"}, "line 2: the name '.x1b.2J' holds control characters"),
        ({"labels": b"a\r\nb\r\nc\r\n"}, "holds control characters"),
        ({"labels": "a\n\u202eb\nc\n".encode()}, "holds control characters"),
        ({"labels": b"a\n \nc\n"}, "line 2: an empty name"),
        ({"labels": b"a\nb\na\n"}, "line 3: the name 'a' stands in line 1 already"),
        ({"labels": b"a\nb\n" + b"c" * 2000 + b"\n"}, "a name of 2,000 characters"),
        ({"preprocessing": b"{"}, "preprocessing.json cannot be read"),
        ({"preprocessing": b"[]"}, "preprocessing.json"),
        (
            {"preprocessing": b'{"image_size": 16, "resize": 16}'},
            "takes batchx3x8x8, preprocessing.json makes batchx3x16x16",
        ),
        ({"preprocessing": b'{"image_size": 8, "color": "gray", "mean": [0], "std": [1]}'}, "makes batchx1x8x8"),
        ({"preprocessing": b'{"image_size": 8, "resize": 8, "mean": [NaN, 0, 0]}'}, "NaN is not a number"),
        ({"preprocessing": b'{"image_size": 8, "pad": 1000000000}'}, "pad 1000000000 is above"),
        ({"preprocessing": b" " * 100_000 + b"{}"}, "above the limit"),
        ({"models": {}}, "names no model"),
        ({"models": {"onnx": onnx_entry(runtime="mindspore")}}, "is no file for mindspore"),
        ({"models": {"onnx": onnx_entry(runtime="mindspore_lite")}}, "is no file for mindspore_lite"),
        ({"models": {"onnx": onnx_entry(preprocessing="inside")}}, "not a picture of any size"),
        ({"models": {"onnx": onnx_entry(batch=10**12)}}, "models.onnx.batch"),
        ({"models": {"\x1b[2J": onnx_entry()}}, "models"),
        ({"output_kind": "sigmoid"}, "which are no sigmoid probabilities"),
        ({"output_kind": "softmax"}, "which are no softmax probabilities"),
        ({"num_classes": 10**9}, "num_classes"),
        ({"num_classes": "3"}, "num_classes"),
        ({"bundle_version": 7}, "bundle_version is 7, this version reads 1"),
        ({"network": {"a": float("nan")}}, "NaN is not a number"),
    ],
)
def test_a_contradiction_is_named_in_one_line(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    bundle = write_bundle(tmp_path / "b", **fields)

    with pytest.raises(BundleError, match=words) as caught:
        open_classifier(bundle)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("last", "kind", "words"),
    [
        ("Softmax", "logits", "gives probabilities, which are no logits"),
        ("Sigmoid", "softmax", "do not sum to 1"),
        ("Sigmoid", "sigmoid", None),
        ("Softmax", "softmax", None),
    ],
)
def test_outputs_are_what_they_are_called(tmp_path: Path, last: str, kind: str, words: str | None) -> None:
    bundle = write_bundle(tmp_path / "b", colour_model(last=last), output_kind=kind)

    if words is None:
        assert _answers(bundle)[0].label == "red"
    else:
        with pytest.raises(BundleError, match=words):
            open_classifier(bundle)


def test_a_network_of_nan_is_opened_and_called_broken(tmp_path: Path) -> None:
    # Each picture fails by name then, and the server tells why it gives no answer.
    assert open_classifier(write_bundle(tmp_path / "b", colour_model(float("nan")))).broken == NOT_FINITE


@pytest.mark.parametrize("location", ["../secret", "/etc/hostname", "secret", "labels.txt/../../secret"])
def test_weights_outside_of_the_bundle_are_refused(tmp_path: Path, location: str) -> None:
    for place in (tmp_path / "secret", tmp_path / "b" / "secret"):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(np.float32(1).tobytes())
    shutil.rmtree(tmp_path / "b")
    bundle = write_bundle(tmp_path / "b", colour_model(weights_elsewhere=location))
    (bundle / "secret").write_bytes(np.float32(1).tobytes())

    with pytest.raises(BundleError, match="which is no file of the bundle"):
        open_classifier(bundle)


def test_a_file_that_no_hash_covers_is_ignored_with_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bundle = write_bundle(tmp_path / "b")
    (bundle / "model_fp16.onnx").write_bytes(b"another network")

    read_bundle(bundle)

    assert "ignoring what manifest.json does not list: 'model_fp16.onnx'" in caplog.text


@pytest.mark.parametrize("name", ["manifest.json", "labels.txt", "model.onnx"])
@pytest.mark.parametrize("kind", ["pipe", "loop", "folder", "huge"])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    path = write_bundle(tmp_path / "b") / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as stream:
            stream.truncate(10**12)

    with pytest.raises(BundleError):
        open_classifier(path.parent) if name != "manifest.json" else read_bundle(path.parent)


@pytest.mark.parametrize("name", ["x" * 500, "a/" * 2000, "\x1b[2J", ".", ""])
def test_a_strange_file_name_in_the_manifest_is_refused(tmp_path: Path, name: str) -> None:
    bundle = write_bundle(tmp_path / "b")
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"][name] = "0"
    (bundle / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(BundleError) as caught:
        read_bundle(bundle)
    assert str(caught.value).isprintable()


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where a JSON value has parts."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from _places(part, (*path, key))


def _manifest() -> dict[str, Any]:
    manifest = older.manifest()
    del manifest["models"]["mindir"]  # MindSpore would be loaded
    return manifest


MANIFEST = _manifest()
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        1,
        3,
        2**31,
        10**30,
        -0.5,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "3",
        "model.mindir",
        "../x",
        "\x00",
        "\x1b[2J",
        "\ud800",
        "x" * 10_000,
        [],
        [1],
        {},
        {"a": {}},
        [[[]]],
    ]
)


@pytest.fixture(scope="module")
def old_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return older.unpack(tmp_path_factory.mktemp("old")) / "bundle"


@pytest.fixture(scope="module")
def old_answers(old_bundle: Path) -> tuple[Answer, ...]:
    return _answers(old_bundle)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(list(_places(MANIFEST))), value=st.just("delete") | VALUES)
@example(place=("models", "onnx", "runtime"), value="mindspore")
@example(place=("models", "onnx", "batch"), value=3)
@example(place=("output_kind",), value="sigmoid")
@example(place=("num_classes",), value=4)
@example(place=("models", "onnx", "input", "shape", 1), value="\x00")
def test_a_changed_manifest_is_refused_or_changes_no_answer(
    old_bundle: Path, old_answers: tuple[Answer, ...], place: tuple[str | int, ...], value: Any
) -> None:
    manifest = copy.deepcopy(MANIFEST)
    *way, last = place
    holder: Any = manifest
    for step in way:
        holder = holder[step]
    if value == "delete":
        del holder[last]
    else:
        holder[last] = value
    (old_bundle / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    outcome = _outcome(old_bundle)

    if isinstance(outcome, str):
        assert outcome.isprintable()
        assert len(outcome) < 2000
    else:
        assert outcome == old_answers


@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_labels_file_is_refused_or_read(tmp_path: Path, content: bytes) -> None:
    shutil.rmtree(tmp_path / "b", ignore_errors=True)
    bundle = write_bundle(tmp_path / "b", labels=content)

    outcome = _outcome(bundle)

    if isinstance(outcome, str):
        assert outcome.isprintable()
    else:
        assert len({answer.label for answer in outcome}) == len(CLASSES)
