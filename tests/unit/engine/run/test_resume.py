import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from common.errors import RunError
from engine.config import Config, load_config
from engine.run.checkpoint import CheckpointStore, Snapshot
from engine.run.resume import cut_metrics, different_keys, find_resume_point, with_average_of
from engine.run.run_folder import RunFolder

RECIPE = Path(__file__).resolve().parents[4] / "config" / "lenet5_digits.yaml"
DESCRIPTION = {"monitor": "val_top1", "classes": ["a"], "preprocessing": {}, "model": {}, "parameters": {}}


def config(tmp_path: Path, recipe: Path = RECIPE, **overrides: Any) -> Config:
    pairs = {"output_dir": str(tmp_path), "name": "run", **{k.replace("__", "."): v for k, v in overrides.items()}}
    return load_config(recipe, {key: str(value) for key, value in pairs.items()})


def make_run(tmp_path: Path, state: str = "failed", epochs: Sequence[int] = (), **overrides: Any) -> RunFolder:
    recipe = config(tmp_path, **overrides)
    run = RunFolder.create(recipe)
    run.write_inputs(recipe, ("a",), {})
    (run.path / "status.json").write_text(json.dumps({"state": state}))
    store = CheckpointStore(run.checkpoints, DESCRIPTION, keep=9)
    for epoch in epochs:
        store.save(Snapshot({}, epoch=epoch, step=epoch * 10))
    return run


def test_auto_takes_the_newest_unfinished_run_of_the_name_and_seed(tmp_path: Path) -> None:
    make_run(tmp_path, "failed", [1])
    make_run(tmp_path, "failed", [5], train__seed=1)
    newest = make_run(tmp_path, "stopped", [1, 2])
    make_run(tmp_path, "finished", [9])
    os.utime(newest.path, (2e9, 2e9))

    point = find_resume_point("auto", config(tmp_path), force=False)

    assert point is not None
    assert point.run == newest
    assert point.checkpoint is not None
    assert point.checkpoint.name == "epoch_0002.ckpt"


def test_auto_starts_anew_where_all_runs_are_finished(tmp_path: Path) -> None:
    make_run(tmp_path, "finished", [1])

    assert find_resume_point("auto", config(tmp_path), force=False) is None


def test_auto_starts_over_in_the_folder_of_a_run_that_saved_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path, "running")

    point = find_resume_point("auto", config(tmp_path), force=False)

    assert point is not None
    assert (point.run, point.checkpoint) == (run, None)


def test_a_run_that_is_still_running_is_left_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path, epochs=[1])
    values = {"state": "running", "pid": os.getppid(), "host": os.uname().nodename}
    (run.path / "status.json").write_text(json.dumps(values))

    assert find_resume_point("auto", config(tmp_path), force=False) is None


def test_a_damaged_state_is_set_aside_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = make_run(tmp_path, epochs=[1, 2])
    (run.checkpoints / "epoch_0002.state").write_bytes(b"")

    point = find_resume_point(str(run.path), config(tmp_path), force=False)
    assert point is not None
    point.clear()

    assert point.checkpoint is not None
    assert point.checkpoint.name == "epoch_0001.ckpt"
    assert "set aside" in caplog.text
    assert (run.checkpoints / "damaged_epoch_0002.ckpt").exists()


def test_going_on_from_the_middle_of_a_run_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path, epochs=[1, 2])

    with pytest.raises(RunError, match="gone further, to epoch_0002"):
        find_resume_point(str(run.checkpoints / "epoch_0001.ckpt"), config(tmp_path), force=False)


def test_more_epochs_are_allowed_and_other_keys_are_listed(tmp_path: Path) -> None:
    old = config(tmp_path, train__epochs=3, optimizer__lr=0.1)

    assert different_keys(old, config(tmp_path, train__epochs=5, optimizer__lr=0.1, runtime__threads=2)) == {}
    assert different_keys(old, config(tmp_path, train__epochs=2, optimizer__lr=0.2)) == {
        "optimizer.lr": (0.1, 0.2),
        "train.epochs": (3, 2),
    }


def test_what_is_remembered_and_kept_of_pictures_may_change(tmp_path: Path) -> None:
    old = config(tmp_path)
    crops = {"random_resized_crop": True}

    assert (
        different_keys(old, config(tmp_path, data__check="off", data__decoded_cache="off", data__cache_dir="x")) == {}
    )
    changed = different_keys(
        config(tmp_path, data__augmentation=crops), config(tmp_path, data__augmentation={**crops, "reduce_to": 64})
    )
    assert changed == {"data.augmentation.reduce_to": (None, 64)}


def test_other_kernels_are_told_since_they_round_in_another_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert different_keys(config(tmp_path), config(tmp_path, runtime__kernels=False)) == {}
    assert caplog.messages == ["runtime.kernels: False, was True; what follows is rounded in another way"]


def test_another_jit_level_is_told_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert different_keys(config(tmp_path), config(tmp_path, runtime__jit_level="O1")) == {}
    assert caplog.messages == ["runtime.jit_level: O1, was None; what follows is rounded in another way"]


def test_another_recipe_needs_force(tmp_path: Path) -> None:
    run = make_run(tmp_path, epochs=[1])
    other = config(tmp_path, optimizer__lr=0.5)

    with pytest.raises(RunError, match=r"optimizer.lr: was 0.002, now 0.5"):
        find_resume_point(str(run.path), other, force=False)
    point = find_resume_point(str(run.path), other, force=True)
    assert point is not None
    assert point.checkpoint is not None


def older_run(tmp_path: Path) -> RunFolder:
    """A run of a version that knew no warm-up of the average."""
    run = make_run(tmp_path, epochs=[1])
    forget_warmup(run.path / "config.yaml", run.path / "config.yaml")
    return run


def forget_warmup(recipe: Path, without: Path) -> Path:
    without.write_text(re.sub("  ema_warmup: .*\n", "", recipe.read_text()))
    return without


def test_an_older_runs_average_had_no_warmup_and_goes_on_without(tmp_path: Path) -> None:
    run = older_run(tmp_path)
    now = config(tmp_path, forget_warmup(RECIPE, tmp_path / "recipe.yaml"))

    point = find_resume_point(str(run.path), now, force=False)

    assert point is not None
    assert now.train.ema_warmup
    assert not run.read_config().train.ema_warmup
    assert not with_average_of(run.read_config(), now).train.ema_warmup


def test_a_warmup_that_is_asked_for_is_another_recipe_to_an_older_run(tmp_path: Path) -> None:
    run = older_run(tmp_path)

    with pytest.raises(RunError, match=r"train.ema_warmup: was False, now True"):
        find_resume_point(str(run.path), config(tmp_path, train__ema_warmup="true"), force=False)


def test_without_an_average_an_older_run_differs_in_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path, train__ema_decay="null")
    forget_warmup(run.path / "config.yaml", run.path / "config.yaml")

    asked = config(tmp_path, train__ema_decay="null", train__ema_warmup="true")

    assert different_keys(run.read_config(), asked) == {}


def test_metrics_are_cut_after_the_step_and_torn_lines_go(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    epoch = {"kind": "epoch", "epoch": 1, "step": 10, "train_loss": 1.0, "train_top1": 0.5, "images_per_second": 1.0}
    lines = [{"kind": "step", "step": 5}, {**epoch, "seconds": 1.0, "time": 0.0}, {"kind": "step", "step": 15}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"kind": "st')

    history = cut_metrics(path, 10)

    assert [record.epoch for record in history] == [1]
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [5, 10]
