"""Damaged and odd run folders: what is whole is gone on from, what is broken is told in one line."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import BadInput
from common.files import remove_leftovers
from engine.config import Config, load_config
from engine.run.best_link import mend_best
from engine.run.checkpoint import CheckpointStore, Snapshot
from engine.run.resume import ResumePoint, cut_metrics, find_resume_point
from engine.run.run_folder import RunFolder

RECIPE = Path(__file__).resolve().parents[4] / "config" / "lenet5_digits.yaml"
DESCRIPTION = {"monitor": "val_top1", "classes": ["a", "b"], "preprocessing": {}, "model": {}, "parameters": {}}
EPOCH = {"kind": "epoch", "epoch": 1, "step": 10, "train_loss": 1.0, "train_top1": 0.5, "images_per_second": 1.0}
WHOLE = {**EPOCH, "seconds": 1.0, "time": 0.0}


def recipe(folder: Path) -> Config:
    return load_config(RECIPE, {"output_dir": str(folder), "name": "run"})


def make_run(folder: Path, epochs: tuple[int, ...] = (1, 2), best: int = 1) -> RunFolder:
    run = RunFolder.create(recipe(folder))
    run.write_inputs(recipe(folder), ("a", "b"), {})
    store = CheckpointStore(run.checkpoints, DESCRIPTION, keep=9)
    for epoch in epochs:
        store.save(Snapshot({}, epoch, epoch * 10, score=1 / epoch, is_best=epoch == best))
    return run


def found(folder: Path, wanted: str | Path = "auto") -> ResumePoint:
    point = find_resume_point(str(wanted), recipe(folder), force=False)
    assert point is not None
    point.clear()
    return point


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[]", b'{"step": 1}', b"[" * 100_000, b"null"])
def test_an_unreadable_sidecar_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes) -> None:
    run = make_run(tmp_path)
    (run.checkpoints / "epoch_0002.json").write_bytes(content)

    point = found(tmp_path, run.path)

    assert point.checkpoint == run.checkpoints / "epoch_0001.ckpt"
    assert [record.message.count("set aside") for record in caplog.records] == [1]
    assert (run.checkpoints / "damaged_epoch_0002.json").read_bytes() == content


@pytest.mark.parametrize(
    ("key", "value"), [("step", "x"), ("step", None), ("epoch", 1.5), ("classes", []), ("model", 3)]
)
def test_a_sidecar_with_a_value_of_another_type_is_unreadable(tmp_path: Path, key: str, value: object) -> None:
    run = make_run(tmp_path)
    sidecar = run.checkpoints / "epoch_0002.json"
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), key: value}))

    assert found(tmp_path).checkpoint == run.checkpoints / "epoch_0001.ckpt"


def test_a_damaged_sidecar_of_an_older_checkpoint_does_not_stop_saving(tmp_path: Path) -> None:
    run = make_run(tmp_path, (1, 2, 3))
    (run.checkpoints / "epoch_0001.json").write_bytes(b"\xff")

    CheckpointStore(run.checkpoints, DESCRIPTION, keep=1).save(Snapshot({}, 4, 40))

    assert (run.checkpoints / "last.ckpt").resolve().name == "epoch_0004.ckpt"


@pytest.mark.parametrize("name", ["classes.json", "preprocessing.json", "environment.json"])
def test_a_file_that_can_be_rebuilt_is_not_missed(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path)
    (run.path / name).unlink()

    assert found(tmp_path).checkpoint is not None
    assert found(tmp_path, run.path).checkpoint is not None


@pytest.mark.parametrize("status", ["", "[1]", "3", '{"state": ', "\0"])
def test_a_damaged_status_is_that_of_an_unfinished_run(tmp_path: Path, status: str) -> None:
    run = make_run(tmp_path)
    (run.path / "status.json").write_text(status)

    assert found(tmp_path).run == run


def test_a_run_that_died_before_it_wrote_anything_does_not_stop_auto(tmp_path: Path) -> None:
    empty = RunFolder.create(recipe(tmp_path))

    assert find_resume_point("auto", recipe(tmp_path), force=False) is None
    assert found(tmp_path, empty.path).checkpoint is None


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a: [1", b"- 1"])
def test_a_recipe_that_says_nothing_stops_auto_only_where_there_is_a_checkpoint(tmp_path: Path, content: bytes) -> None:
    run = make_run(tmp_path, ())
    (run.path / "config.yaml").write_bytes(content)

    assert find_resume_point("auto", recipe(tmp_path), force=False) is None

    CheckpointStore(run.checkpoints, DESCRIPTION).save(Snapshot({}, 1, 10))
    with pytest.raises(BadInput):
        find_resume_point("auto", recipe(tmp_path), force=False)


def test_the_best_that_is_left_takes_the_place_of_a_damaged_one(tmp_path: Path) -> None:
    run = make_run(tmp_path, (1, 2, 3))
    (run.checkpoints / "epoch_0001.ckpt").write_bytes(b"half")

    sidecar = mend_best(run.checkpoints, "val_top1")

    assert sidecar is not None
    assert (sidecar.epoch, sidecar.score) == (2, 0.5)
    assert (run.checkpoints / "best.ckpt").resolve().name == "epoch_0002.ckpt"


def test_a_best_that_is_whole_stays(tmp_path: Path) -> None:
    run = make_run(tmp_path, (1, 2), best=2)

    sidecar = mend_best(run.checkpoints, "val_top1")

    assert sidecar is not None
    assert sidecar.epoch == 2


def test_only_what_killed_writers_left_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    gone = [f".tmp-{ended.pid}-epoch_0001.ckpt", f".tmp-{os.getpid()}-config.yaml"]
    stays = [f".tmp-{os.getppid()}-config.yaml", ".tmp-mine", ".tmp-12", "tmp-1-a"]
    for name in (*gone, *stays):
        (tmp_path / name).write_text("half")
    (tmp_path / f".tmp-{ended.pid}-folder").mkdir()

    assert remove_leftovers(tmp_path) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(stays)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*WHOLE, "x"]), inner),
)
LINES = (
    st.binary()
    | ANYTHING.map(lambda value: json.dumps(value).encode())
    | st.builds(lambda key, value: json.dumps({**WHOLE, key: value}).encode(), st.sampled_from([*WHOLE]), ANYTHING)
    | st.sampled_from([*WHOLE]).map(lambda key: json.dumps({k: v for k, v in WHOLE.items() if k != key}).encode())
)


@settings(max_examples=50)  # each syncs a file
@given(st.lists(LINES.map(lambda line: line.replace(b"\n", b""))))
def test_whatever_lies_between_them_whole_lines_are_kept(lines: list[bytes]) -> None:
    good = json.dumps(WHOLE).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.jsonl"
        path.write_bytes(b"\n".join([good, *lines, good]))

        history = cut_metrics(path, 10)

        kept = path.read_bytes().split(b"\n")
        assert (kept[0], kept[-2], kept[-1]) == (good, good, b"")
        assert all(json.loads(line)["step"] <= 10 for line in kept[:-1])
    assert len(history) >= 2


def test_a_loss_that_was_not_finite_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps({**WHOLE, "train_loss": None, "val_loss": None}) + "\n")

    (record,) = cut_metrics(path, 10)

    assert record.train_loss != record.train_loss
    assert record.val_loss is None


def test_broken_lines_are_counted_in_one_message(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'\xff\xfe\n[1,2]\n\n{"kind":"epoch"}\n' + json.dumps(WHOLE).encode() + b'\n{"kind"')

    cut_metrics(path, 10)

    assert [record.message for record in caplog.records] == [f"{path}: 5 broken lines left out"]
