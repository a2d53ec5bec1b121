"""A run goes on with the data it was started with; what is refused leaves its folder, and the disk, as they were."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from PIL import Image

from common.errors import BadInput, RunError, TrainingError
from engine.config import Config, load_config
from engine.jobs import train as job
from engine.run.run_data import SplitData
from engine.runtime.start import Runtime

CLASSES = ("cat", "dog", "fox")


def make_pictures(root: Path, classes: tuple[str, ...] = CLASSES, train: int = 6) -> None:
    """Small grey pictures, a brightness for each class."""
    for split, count in (("train", train), ("val", 3), ("test", 3)):
        for label, name in enumerate(classes):
            folder = root / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                noise = np.random.default_rng([label, index, len(split)]).normal(60 * label + 40, 12, (28, 28))
                Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8)).save(folder / f"{index}.png")


def recipe(**overrides: object) -> Config:
    pairs = {
        "name": "t", "output_dir": "runs", "data.source": "image_folder", "data.path": "data", "data.batch_size": 6,
        "data.preprocessing": "{color: gray, resize: 28, image_size: 28, mean: [0.5], std: [0.3]}",
        "train.epochs": 1, "optimizer.lr": 0.01, **{key.replace("__", "."): v for key, v in overrides.items()},
    }  # fmt: skip
    return load_config(None, {key: str(value) for key, value in pairs.items()})


def train(root: Path, resume: str | None = None, force: bool = False, **overrides: object) -> Path:
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_seed(0)
    with contextlib.chdir(root):
        return root / job.train(recipe(**overrides), Runtime("CPU"), resume, force)


def image_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file's bytes, or a link's target, and when they were written."""
    return {
        str(path.relative_to(folder)): (
            str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b"",
            path.lstat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and a run of one epoch on them; tests copy it."""
    root = tmp_path_factory.mktemp("trained")
    make_pictures(root / "data")
    train(root)
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy, symlinks=True)
    return copy


def refused(root: Path, resume: str | None, kind: type[BadInput] = RunError, **options: Any) -> str:
    """Start a run that must be refused, and leave everything as it was; return what it said."""
    before = image_of(root / "runs") if (root / "runs").exists() else {}
    with pytest.raises(kind) as error:
        train(root, resume, **options)
    assert (image_of(root / "runs") if (root / "runs").exists() else {}) == before
    assert error.value.exit_code == 2
    assert 1 <= len(str(error.value).splitlines()) <= 3
    return str(error.value)


def test_beside_a_leaking_test_score_stands_that_of_the_unseen_pictures(tmp_path: Path) -> None:
    make_pictures(tmp_path / "data")
    shutil.copy(tmp_path / "data/train/cat/0.png", tmp_path / "data/test/cat/copy.png")

    run = train(tmp_path)

    results = {split: json.loads((run / f"eval_{split}.json").read_text()) for split in ("test", "test_unseen")}
    assert {split: (result["n"], result["leaking"]) for split, result in results.items()} == {
        "test": (10, True),
        "test_unseen": (9, False),
    }
    assert len((run / "predictions_test_unseen.csv").read_text().splitlines()) == 1 + 9
    findings = json.loads((run / "data.json").read_text())["findings"]
    assert findings == [{"kind": "copies", "split": "test", "count": 1, "of": "train"}]


def test_the_run_folder_says_what_it_was_trained_on(trained: Path) -> None:
    data = json.loads((trained / "runs/t-seed0/data.json").read_text())

    assert data["classes"] == list(CLASSES)
    assert {name: split["n"] for name, split in data["splits"].items()} == {"train": 18, "val": 9, "test": 9}


@pytest.mark.parametrize("force", [False, True])
def test_another_label_order_is_refused_even_by_force(root: Path, force: bool) -> None:
    for split in ("train", "val", "test"):
        (root / "data" / split / "fox").rename(root / "data" / split / "ant")

    said = refused(root, str(root / "runs/t-seed0"), force=force, train__epochs=2)

    assert "was cat, dog, fox; now ant, cat, dog" in said


def test_the_same_names_in_another_order_are_refused(root: Path) -> None:
    said = refused(
        root, str(root / "runs/t-seed0"), force=True, train__epochs=2, data__classes="[fox, dog, cat]"
    )  # fmt: skip

    assert "another label order" in said


def test_one_class_more_is_refused(root: Path) -> None:
    for split in ("train", "val", "test"):
        shutil.copytree(root / "data" / split / "fox", root / "data" / split / "gnu")

    assert "4 classes, were 3" in refused(root, str(root / "runs/t-seed0/checkpoints/last.ckpt"), train__epochs=2)


@pytest.mark.parametrize("split", ["train", "val"])
def test_another_picture_is_refused_and_may_be_forced(root: Path, split: str) -> None:
    folder = root / "data" / split / "cat"
    shutil.copy(folder / "0.png", folder / "new.png")

    said = refused(root, str(root / "runs/t-seed0"), train__epochs=2)

    assert f"{split}: was" in said
    assert "--resume_force" in said


def test_files_with_the_same_names_and_other_contents_are_noticed(root: Path) -> None:
    folder = root / "data/train/cat"
    Image.new("L", (28, 28), 7).save(folder / "0.png")

    assert "train: files of the same names hold other pictures" in refused(
        root, str(root / "runs/t-seed0"), train__epochs=2
    )


def test_forced_it_goes_on_with_the_files_there_are(root: Path) -> None:
    folder = root / "data/train/cat"
    shutil.copy(folder / "0.png", folder / "new.png")

    run = train(root, str(root / "runs/t-seed0"), force=True, train__epochs=2)

    assert json.loads((run / "data.json").read_text())["splits"]["train"]["n"] == 19
    assert json.loads((run / "summary.json").read_text())["epochs"] == 2


def test_an_older_folder_is_compared_by_its_class_names(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "engine")
    run = root / "runs/t-seed0"
    (run / "data.json").unlink()
    for split in ("train", "val", "test"):
        (root / "data" / split / "fox").rename(root / "data" / split / "ant")

    assert "was cat, dog, fox" in refused(root, str(run), train__epochs=2)
    assert "only the class names are compared" in caplog.text


def test_a_run_goes_on_where_what_can_be_rebuilt_is_gone(root: Path) -> None:
    run = root / "runs/t-seed0"
    for name in ("classes.json", "preprocessing.json", "environment.json", "data.json", "metrics.jsonl"):
        (run / name).unlink()
    (run / "status.json").write_text("[1]")
    (run / ".tmp-999999999-metrics.jsonl").write_text("half")
    (run / "checkpoints/.tmp-999999999-epoch_0002.ckpt").write_text("half")
    (run / "checkpoints/best.ckpt").unlink()

    train(root, "auto", train__epochs=2)

    assert json.loads((run / "status.json").read_text())["state"] == "finished"
    assert json.loads((run / "classes.json").read_text()) == list(CLASSES)
    assert not list(run.rglob(".tmp-*"))
    assert (run / "checkpoints/best.ckpt").is_file()


def test_a_kept_head_must_know_the_same_classes(root: Path) -> None:
    for split in ("train", "val", "test"):
        (root / "data" / split / "fox").rename(root / "data" / split / "ant")
    checkpoint = root / "runs/t-seed0/checkpoints/best.ckpt"

    said = refused(root, None, finetune__pretrained=checkpoint, finetune__new_head="false")

    assert "finetune.pretrained" in said
    assert "now ant, cat, dog" in said


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("loss.class_weights", "[1, 2]", "loss.class_weights"),
        ("finetune.freeze_patterns", "[nothing]", "matches no parameter"),
        ("finetune.lr_groups", "[{pattern: nothing, lr_mult: 1}]", "nothing"),
    ],
)
def test_a_start_that_is_refused_leaves_no_run_folder(root: Path, key: str, value: str, said: str) -> None:
    shutil.rmtree(root / "runs")

    assert said in refused(root, None, BadInput, **{key.replace(".", "__"): value})
    assert not (root / "runs").exists()


def test_a_single_class_is_refused_with_where_pictures_are_looked_for(tmp_path: Path) -> None:
    make_pictures(tmp_path / "data", ("images",))

    said = refused(tmp_path, None, BadInput)

    assert "one class only (images)" in said
    assert "one level off" in said


def test_batch_norm_over_one_value_is_refused(root: Path) -> None:
    said = refused(root, None, BadInput, model="{name: lenet5_improved}", data__batch_size=1)

    assert "BatchNorm norm5" in said
    assert "freeze_patterns" in said


def test_weights_that_are_not_finite_after_the_last_step_fail_the_run(root: Path) -> None:
    shutil.rmtree(root / "runs")

    with pytest.raises(TrainingError, match=r"(?s)not finite.*lower optimizer\.lr"):
        train(root, optimizer__lr="1e38", data__batch_size=18)

    run = root / "runs/t-seed0"
    assert json.loads((run / "status.json").read_text())["state"] == "failed"
    assert list((run / "checkpoints").iterdir()) == []


def test_a_run_that_opened_nothing_goes_on_beside_one_that_did() -> None:
    opened, unread = SplitData(3, "names", "ab12"), SplitData(3, "names", "unread:cd34")

    assert opened.difference(unread) is None
    assert unread.difference(opened) is None
    assert unread.difference(SplitData(3, "names", "unread:ef56")) is not None
    assert opened.difference(SplitData(3, "other names", "unread:cd34")) is not None
