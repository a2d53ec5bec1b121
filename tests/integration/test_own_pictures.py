"""A new user's commands on pictures of their own: from a flat folder to a prediction, and the first hour's mistakes."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.newcomer import make_pictures
from tests.integration.jobs import ROOT, environment

CLASSES = {"blue disc": 8, "green box": 12, "red disc": 5}


def door(*arguments: object, code: int = 0) -> str:
    """Run a door as a user does and return all that it printed."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=500
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("mine") / "my photos", CLASSES)


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """Where the weights are, and where everything goes."""
    weights = ROOT.parent / "shared" / "weights" / "mobilenet_v2_imagenet.safetensors"
    if not weights.is_file():
        pytest.skip("needs ../shared/weights/mobilenet_v2_imagenet.safetensors, which is not here")
    folder = tmp_path_factory.mktemp("out")
    return (
        "--finetune.pretrained", weights, "--output_dir", folder / "runs",
        "--data.features.cache_dir", folder / "cache", "--runtime.threads", "2",
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(pictures: Path, flags: tuple[object, ...]) -> tuple[Path, str]:
    """The run of `train.py --pictures FOLDER`, and what it printed."""
    said = door("train.py", "--pictures", pictures, *flags)
    return Path(str(flags[3])) / "my_photos-seed0", said


@pytest.mark.slow
def test_a_flat_folder_becomes_a_run_with_a_report_of_its_wrong_pictures(trained: tuple[Path, str]) -> None:
    run, said = trained

    page = (run / "report.html").read_text(encoding="utf-8")
    with (run / "splits.csv").open(encoding="utf-8") as stream:
        splits = [row["split"] for row in csv.DictReader(stream)]

    assert json.loads((run / "status.json").read_text())["state"] == "finished"
    assert len(splits) == sum(CLASSES.values())
    assert {split: splits.count(split) for split in ("val", "test")} == {"val": 5, "test": 5}
    assert 'id="wrong"' in page
    assert f"report: {run / 'report.html'}" in said


@pytest.mark.slow
def test_the_head_that_is_kept_has_seen_val_too_and_the_run_says_so(trained: tuple[Path, str]) -> None:
    run, said = trained

    val, test = (json.loads((run / f"eval_{split}.json").read_text()) for split in ("val", "test"))
    summary = json.loads((run / "summary.json").read_text())
    kept, scored = (json.loads((run / "checkpoints" / f"{name}.json").read_text()) for name in ("refit", "epoch_0000"))

    assert "refit: the head is solved again on 15 train + 5 val pictures and kept" in said
    assert (run / "checkpoints" / "best.ckpt").resolve().name == "refit.ckpt"
    assert val["sha256"] == scored["sha256"] != kept["sha256"] == test["sha256"]
    assert val["before_refit"]
    assert "before_refit" not in test
    assert summary["refit"] == {"train": 15, "val": 5, "val_top1": "of the head before the refit"}
    assert "before it was solved again" in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_evaluating_the_refit_head_on_val_warns_and_leaves_the_honest_score(trained: tuple[Path, str]) -> None:
    run, _ = trained
    before = (run / "eval_val.json").read_bytes()

    said = door("eval.py", "--run", run, "--split", "val")

    assert "this head was solved on val too" in said
    assert (run / "eval_val.json").read_bytes() == before


@pytest.mark.slow
def test_folds_predict_every_picture_once_by_a_head_that_has_not_seen_it(
    trained: tuple[Path, str], pictures: Path, flags: tuple[object, ...]
) -> None:
    run, _ = trained

    door("train.py", "--pictures", pictures, "--folds", "3", *flags)

    with (run.parent / "my_photos-folds3-seed0" / "predictions.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["fold"] for row in rows} == {"1", "2", "3"}
    assert len({row["path"] for row in rows}) == len(rows) == 20  # the five of test stay unseen


@pytest.mark.slow
def test_the_export_is_proven_and_answers(trained: tuple[Path, str], pictures: Path, tmp_path: Path) -> None:
    run, _ = trained
    bundle = tmp_path / "bundle"

    said = door("export.py", "--run", run, "--formats", "mindir", "onnx", "--out", bundle)
    answer = door("predict.py", pictures / "green box" / "0.jpg", "--model", bundle)

    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["models"]) == {"mindir", "onnx"}, said
    assert any(name in answer for name in CLASSES)


@pytest.mark.slow
def test_classes_of_two_pictures_get_a_model_and_word_of_what_was_taken_for_granted(
    tmp_path: Path, flags: tuple[object, ...]
) -> None:
    few = make_pictures(tmp_path / "few", {"blue disc": 2, "green box": 2})

    said = door("train.py", "--pictures", few, *flags)

    assert "the penalty cannot be cross-validated" in said
    assert "2 train + 2 val pictures" in said
    assert (Path(str(flags[3])) / "few-seed0" / "report.html").is_file()


def _one_class(folder: Path) -> Path:
    return make_pictures(folder / "data", {"red disc": 5})


def _loose(folder: Path) -> Path:
    return make_pictures(folder / "data", CLASSES) / "red disc"


def _no_pictures(folder: Path) -> Path:
    (folder / "data" / "cats").mkdir(parents=True)
    (folder / "data" / "dogs").mkdir()
    return folder / "data"


def _empty(folder: Path) -> Path:
    (folder / "data").mkdir()
    return folder / "data"


def _empty_class(folder: Path) -> Path:
    data = make_pictures(folder / "data", CLASSES)
    (data / "cats").mkdir()
    return data


def _lonely_picture(folder: Path) -> Path:
    return make_pictures(folder / "data", {"blue disc": 5, "red disc": 1})


def _no_labels(folder: Path) -> Path:
    data = make_pictures(folder / "data", CLASSES)
    (data / "list.csv").write_text("path\nred disc/0.jpg\n")
    return data / "list.csv"


def _broken_archive(folder: Path) -> Path:
    (folder / "data.zip").write_bytes(b"PK\x03\x04 half of it")
    return folder / "data.zip"


def _nothing(folder: Path) -> Path:
    return folder / "data"


MISTAKES: dict[Callable[[Path], Path], tuple[str, str]] = {
    _one_class: ("one class only", "<data.path>/<class>/"),
    _loose: ("no class folders", "one level too deep? try"),
    _no_pictures: ("no pictures", "add some or remove the class"),
    _empty: ("no class folders", "my_photos/cats/1.jpg"),
    _empty_class: ("class 'cats' has no pictures", "add some or remove the class"),
    _lonely_picture: ("class 'red disc' has 1", "add pictures, or remove the class"),
    _no_labels: ("no label", "path,label"),
    _broken_archive: ("cannot be unpacked", "download or pack it again"),
    _nothing: ("does not exist", "python -m datazoo.fetch --help"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__.strip("_"))
def test_a_mistake_of_the_first_hour_gets_up_to_three_lines_and_leaves_nothing(
    mistake: Callable[[Path], Path], tmp_path: Path
) -> None:
    data, out = mistake(tmp_path), tmp_path / "out"

    said = door(
        "train.py", "--pictures", data, "--finetune.pretrained", "null", "--output_dir", out,
        "--data.features.cache_dir", out / "cache", code=2,
    )  # fmt: skip

    problem, remedy = MISTAKES[mistake]
    message = said[said.index("error: ") :].splitlines()
    assert problem in said
    assert remedy in said
    assert 1 <= len(message) <= 3
    assert "Traceback" not in said
    assert not out.exists()
