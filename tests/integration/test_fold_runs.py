"""--folds of a recipe that trains: a run a fold, each picture predicted once by a network that has not seen it."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

from common.errors import DataError, RunError
from datazoo.pictures import PictureSet, Splits, pooled
from engine.config import Config, load_config
from engine.jobs.cross_validate import cross_validate
from engine.jobs.train import train_on
from engine.runtime.start import Runtime
from tests.unit.engine.jobs.test_run_and_its_data import CLASSES, make_pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "data")
    return tmp_path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, str]]:
    """A folder with pictures, what --folds 3 made of them, and what it said; without compiling."""
    folder, said = tmp_path_factory.mktemp("done"), io.StringIO()
    make_pictures(folder / "data")
    ms.set_context(mode=ms.PYNATIVE_MODE)
    with contextlib.redirect_stdout(said):
        out = cross_validate(config(folder), Runtime("CPU"), 3)
    yield folder, out, said.getvalue()
    ms.set_context(mode=ms.GRAPH_MODE)


Done = tuple[Path, Path, str]


def config(folder: Path, **overrides: str) -> Config:
    pairs = {
        "name": "t", "output_dir": str(folder / "runs"), "data.cache_dir": str(folder / "cache"),
        "data.source": "image_folder", "data.path": str(folder / "data"), "data.batch_size": "6",
        "data.preprocessing": "{color: gray, resize: 28, image_size: 28, mean: [0.5], std: [0.3]}",
        "model": "{name: lenet5_original}", "optimizer.lr": "0.01", "train.epochs": "2", "runtime.mode": "pynative",
    }  # fmt: skip
    return load_config(None, pairs | {key.replace("__", "."): value for key, value in overrides.items()})


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_picture_of_train_and_val_is_predicted_once_and_counted(done: Done) -> None:
    _, out, _ = done
    rows, record = rows_of(out), json.loads((out / "folds.json").read_text())

    assert out.name == "t-folds3-seed0"
    assert len({row["path"] for row in rows}) == len(rows) == 27  # six of train and three of val, of three classes
    assert {row["fold"] for row in rows} == {"1", "2", "3"}
    assert record["n"] == 27
    assert record["correct"] == sum(row["label"] == row["predicted"] for row in rows)
    assert [score["n"] for score in record["per_class"]] == [9, 9, 9]
    assert len(record["top1_by_fold"]["values"]) == 3


def test_no_fold_is_trained_on_what_it_predicts(done: Done) -> None:
    _, out, _ = done
    for run in (out / "runs").iterdir():
        with (run / "splits.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        held = {Path(row["path"]).parts[-3:] for row in rows if row["split"] == "val"}
        trained = {Path(row["path"]).parts[-3:] for row in rows if row["split"] == "train"}
        assert not held & trained
        assert len(held | trained) == 27


def test_the_best_epoch_is_not_chosen_by_the_fold(done: Done) -> None:
    _, out, said = done
    assert {json.loads((run / "summary.json").read_text())["best_epoch"] for run in (out / "runs").iterdir()} == {2}
    assert "the last epoch of every fold counts" in said


def test_going_on_repeats_no_finished_fold_and_comes_to_the_same(done: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, whole, _ = done
    trained: list[str] = []

    def dies_in_the_third(part, own, runtime, start):  # type: ignore[no-untyped-def]
        trained.append(own.name)
        if trained.count("fold3") == 1:
            raise KeyboardInterrupt
        return train_on(part, own, runtime, start)

    monkeypatch.setattr("engine.jobs.fold_runs.train_on", dies_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(config(folder, name="stopped"), Runtime("CPU"), 3)
    out = cross_validate(config(folder, name="stopped"), Runtime("CPU"), 3, resume="auto")

    assert trained == ["fold1", "fold2", "fold3", "fold3"]
    assert rows_of(out) == rows_of(whole)


def test_going_on_with_another_recipe_is_refused(done: Done) -> None:
    folder, out, _ = done
    with pytest.raises(RunError, match=r"optimizer\.lr: was 0\.01, now 0\.02"):
        cross_validate(config(folder, optimizer__lr="0.02"), Runtime("CPU"), 3, resume=str(out))


def test_a_folder_that_is_none_is_refused(folder: Path) -> None:
    with pytest.raises(RunError, match="not the folder of a start of --folds that trained"):
        cross_validate(config(folder), Runtime("CPU"), 3, resume=str(folder))


def test_copies_of_one_photo_are_held_out_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for label in CLASSES:
        original = (folder / "data" / "train" / label / "0.png").read_bytes()
        (folder / "data" / "val" / label / "0.png").write_bytes(original)
    parts: list[Splits] = []

    def stops_at_once(part, own, runtime, start):  # type: ignore[no-untyped-def]
        parts.append(part)
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.jobs.fold_runs.train_on", stops_at_once)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(config(folder), Runtime("CPU"), 3)

    sides = [set(side.content_hashes()) for side in parts[0] if side is not None]
    assert len(parts[0].train) + len(parts[0].val) == 27
    assert not sides[0] & sides[1]


def test_more_folds_than_photos_are_refused_before_anything_is_trained(folder: Path) -> None:
    with pytest.raises(DataError, match="use --folds 9 or add pictures"):
        cross_validate(config(folder), Runtime("CPU"), 12)
    assert not (folder / "runs").exists()


def test_a_pool_counts_through_its_parts() -> None:
    parts = [
        PictureSet("train", ("a", "b"), np.array([0, 1], np.int32), paths=(Path("1"), Path("2"))),
        PictureSet("val", ("a", "b"), np.array([1], np.int32), paths=(Path("3"),)),
    ]
    pool = pooled(parts, "train")
    assert [str(path) for path in pool.paths or ()] == ["1", "2", "3"]
    assert (pool.split, pool.labels.tolist()) == ("train", [0, 1, 1])
