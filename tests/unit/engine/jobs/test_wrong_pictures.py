"""What a run keeps of its wrong pictures."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.results import Answer, EvaluationResult
from datazoo.pictures import PictureSet
from datazoo.pipeline.decode import decode_file
from datazoo.pipeline.pillow_path import preprocess
from datazoo.pipeline.spec import PreprocessingSpec
from engine.jobs.pooled_network import PooledNetwork
from engine.jobs.wrong_pictures import keep_wrong_pictures
from engine.run.predictions import write_predictions
from report.kept_pictures import read_kept_pictures

CLASSES = ("cat", "dog", "eel")
SPEC = PreprocessingSpec(resize=16, image_size=8)
RNG = np.random.default_rng(0)
WEIGHT, BIAS = RNG.normal(size=(3, 3)), RNG.normal(size=3)
NETWORK = PooledNetwork(lambda pictures: pictures[:, :, ::4, ::4], WEIGHT, BIAS)  # the maps are the picture's pixels


def logits_of(path: Path) -> np.ndarray:
    """The network by hand: sample, mean, linear."""
    pixels = preprocess(Image.open(path), SPEC)[:, ::4, ::4]
    return pixels.reshape(3, -1).mean(1).astype(np.float64) @ WEIGHT.T + BIAS


def draw(folder: Path, count: int, size: tuple[int, int] = (30, 20)) -> tuple[Path, ...]:
    paths = tuple(folder / f"{index}.png" for index in range(count))
    for path in paths:
        Image.fromarray(RNG.integers(0, 256, (*size[::-1], 3), np.uint8)).save(path)
    return paths


def keep(
    run: Path, paths: Sequence[Path], network: PooledNetwork | None = NETWORK, confidence: float | None = None
) -> list[dict[str, object]]:
    """Keep pictures that are all labelled as what they are not."""
    answers = []
    for path in paths:
        shares = np.exp(logits_of(path))
        best = int(shares.argmax())
        answers.append(Answer(best, float(shares[best] / shares.sum()) if confidence is None else confidence))
    labels = np.array([(answer.predicted + 1) % 3 for answer in answers], np.int32)
    pictures = PictureSet("test", CLASSES, labels, paths=tuple(paths))
    result = EvaluationResult(len(paths), 0, 0, 1, 0.1, (0, 1), 0, (), ((1,),), tuple(answers))
    keep_wrong_pictures(run, pictures, write_predictions(run, pictures, result), SPEC, "ab", lambda: network)
    path = run / "wrong_pictures_test.json"
    return json.loads(path.read_text(encoding="utf-8"))["pictures"] if path.exists() else []


def test_a_kept_map_is_a_decomposition_of_the_logit(tmp_path: Path) -> None:
    kept = keep(tmp_path, draw(tmp_path, 5))

    assert len(kept) == 5
    for one in kept:
        activation = one["map"]
        assert isinstance(activation, dict)
        logit = np.mean(activation["rows"]) + activation["bias"]
        assert logit == pytest.approx(logits_of(Path(str(one["path"]))).max(), abs=1e-4)


def test_a_kept_map_says_which_part_of_the_picture_the_network_saw(tmp_path: Path) -> None:
    (kept,) = keep(tmp_path, draw(tmp_path, 1, size=(32, 16)))

    # 32 x 16 stays as it is (shorter side 16); of it the middle 8 x 8: from 12 to 20 of 32, from 4 to 12 of 16.
    assert kept["map"]["seen"] == [0.375, 0.25, 0.625, 0.75]  # type: ignore[index]


def test_a_picture_of_16_bits_is_shown_as_it_is_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.linspace(0, 65535, 40 * 30).reshape(30, 40).astype(np.uint16)).save(path)

    (kept,) = keep(tmp_path, [path], network=None)

    with Image.open(tmp_path / str(kept["thumbnail"])) as shown:
        difference = np.asarray(shown, float) - np.asarray(decode_file(path), float)
    assert np.abs(difference).mean() < 3  # JPEG's; Pillow alone would make nearly all of it white


def test_a_map_that_does_not_explain_the_measured_confidence_is_not_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        kept = keep(tmp_path, draw(tmp_path, 3), confidence=0.999)

    assert [set(one) for one in kept] == [{"path", "thumbnail"}] * 3
    assert "none for 3 of 3 wrong pictures, whose confidence they do not explain" in caplog.text


def test_what_was_kept_of_another_evaluation_goes(tmp_path: Path) -> None:
    paths = draw(tmp_path, 3)
    keep(tmp_path, paths)

    keep(tmp_path, paths[:1])

    assert [path.name for path in (tmp_path / "wrong_pictures").iterdir()] == ["test_0.jpg"]


def test_where_nothing_is_wrong_no_network_is_opened(tmp_path: Path) -> None:
    pictures = PictureSet("test", CLASSES, np.array([1], np.int32), paths=draw(tmp_path, 1))
    result = EvaluationResult(1, 1, 1, 1, 0.1, (0, 1), 1, (), ((1,),), (Answer(1, 0.9),))

    def refuse() -> None:
        raise AssertionError("opened")

    keep_wrong_pictures(tmp_path, pictures, write_predictions(tmp_path, pictures, result), SPEC, "ab", refuse)

    assert not (tmp_path / "wrong_pictures_test.json").exists()


def test_a_picture_that_went_away_is_left_out_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paths = draw(tmp_path, 2)

    labels = np.array([0, 0], np.int32)
    pictures = PictureSet("test", CLASSES, labels, paths=paths)
    result = EvaluationResult(2, 0, 0, 1, 0.1, (0, 1), 0, (), ((1,),), (Answer(1, 0.9), Answer(1, 0.8)))
    paths[0].unlink()

    with caplog.at_level(logging.WARNING):
        written = write_predictions(tmp_path, pictures, result)
        keep_wrong_pictures(tmp_path, pictures, written, SPEC, "ab", lambda: None)

    assert "test: 1 of 2 wrong pictures cannot be read any more" in caplog.text


def test_maps_that_cannot_be_computed_fail_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: np.ndarray) -> np.ndarray:
        raise RuntimeError("\n----\nout of memory on device 0\n a stack")

    with caplog.at_level(logging.WARNING):
        kept = keep(tmp_path, draw(tmp_path, 2), network=PooledNetwork(fail, WEIGHT, BIAS))

    assert [set(one) for one in kept] == [{"path", "thumbnail"}] * 2
    assert caplog.messages == ["activation maps: none could be computed (out of memory on device 0)"]
    assert read_kept_pictures(tmp_path, "test", "ab").exact is None


def test_the_report_reads_what_was_kept(tmp_path: Path) -> None:
    (path,) = draw(tmp_path, 1)
    keep(tmp_path, [path])
    path.unlink()

    look = read_kept_pictures(tmp_path, "test", "ab").look(str(path))

    assert look.image is not None
    assert look.image.startswith("data:image/jpeg;base64,")
    assert look.overlay is not None
    assert look.overlay.startswith("data:image/png;base64,")
