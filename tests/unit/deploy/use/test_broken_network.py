"""Outputs that are not finite are no answer: the picture fails by name, and nothing that is written holds NaN."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import predict
from common.door import EXIT_BAD_INPUT, EXIT_FAILED, run_door
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.bundle.manifest import OutputKind
from deploy.use.classifier import Classifier, OutputError
from tests.unit.deploy.small_bundle import colour_model, picture_bytes, write_bundle

SPEC = PreprocessingSpec(resize=8, image_size=8, mean=(0, 0, 0), std=(1, 1, 1))


def _classifier(outputs: list[list[float]], kind: OutputKind) -> Classifier:
    return Classifier("a test", lambda batch: np.array(outputs, np.float32), ("a", "b", "c"), SPEC, kind)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["logits", "softmax", "sigmoid"])
def test_only_the_picture_that_has_no_answer_fails(value: float, kind: OutputKind) -> None:
    classifier = _classifier([[0.1, value, 0.2], [0.1, 0.7, 0.2]], kind)
    rows = classifier.probabilities([np.zeros(1), np.zeros(1)])

    with pytest.raises(OutputError, match="not finite"):
        classifier.answers(rows[0], 1)
    assert classifier.answers(rows[1], 1)[0].label == "b"


@pytest.mark.parametrize("value", [1.2785, -0.4])
def test_no_probability_is_above_1_or_below_0(value: float) -> None:
    classifier = _classifier([[0.1, value, 0.2]], "sigmoid")

    with pytest.raises(OutputError, match="lie outside of 0 to 1"):
        classifier.answers(classifier.probabilities([np.zeros(1)])[0], 1)


def test_rounding_does_not_make_a_probability_impossible() -> None:
    classifier = _classifier([[1.0003, -0.0003, 0.2]], "sigmoid")

    best, *_, last = classifier.answers(classifier.probabilities([np.zeros(1)])[0], 3)
    assert (best.probability, last.probability) == (1, 0)


def test_predict_names_the_picture_and_writes_plain_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = write_bundle(tmp_path / "b", colour_model(float("nan")))
    (tmp_path / "p.png").write_bytes(picture_bytes())
    words = [str(tmp_path / "p.png"), "--model", str(bundle), "--json", str(tmp_path / "a.json")]

    assert run_door(predict.main, words) == EXIT_FAILED

    printed = capsys.readouterr()
    assert "p.png: the network's outputs are not finite" in printed.err
    assert "nan" not in printed.out
    (entry,) = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert (entry["predictions"], entry["error"]) == ([], "the network's outputs are not finite")


def test_predict_refuses_a_bundle_that_contradicts_itself_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = write_bundle(tmp_path / "b", output_kind="sigmoid")
    (tmp_path / "p.png").write_bytes(picture_bytes())

    assert run_door(predict.main, [str(tmp_path / "p.png"), "--model", str(bundle)]) == EXIT_BAD_INPUT
    assert len(capsys.readouterr().err.splitlines()) == 1
