"""Which checkpoint and recipe a door is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from common.errors import ConfigError
from engine.run.checkpoint_flags import checkpoint_of, recipe_of


def options(run: Path | None = None, checkpoint: str = "best") -> argparse.Namespace:
    return argparse.Namespace(run=run, checkpoint=checkpoint)


def test_the_recipe_of_a_run_lies_in_it(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()

    assert recipe_of(options(tmp_path)) == tmp_path / "config.yaml"
    assert recipe_of(options(None, str(tmp_path / "checkpoints" / "last.ckpt"))) == tmp_path / "config.yaml"


@pytest.mark.parametrize("name", ["model.onnx", "model.mindir", "model.ms"])
def test_an_exported_file_is_no_checkpoint(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"was made by export.py, which has scored it \(see its README.md\)"):
        recipe_of(options(None, str(tmp_path / name)))


def test_a_bundle_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").touch()

    with pytest.raises(ConfigError, match="this needs the run"):
        recipe_of(options(tmp_path))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (options(), r"which network\? add --run DIR"),
        (options(Path("nowhere")), r"nowhere is not there; name a run folder \(--run DIR\) or a checkpoint"),
        (options(None, "nowhere.ckpt"), r"nowhere\.ckpt is not there"),
        (options(Path(".")), r"config\.yaml is missing; name the recipe of the data with --config FILE"),
    ],
)
def test_what_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: argparse.Namespace, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=says):
        recipe_of(asked)


@pytest.mark.parametrize("by_name", [True, False])
def test_a_link_of_a_run_in_training_is_followed_once(by_name: bool, tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "best.ckpt").symlink_to("epoch_0003.ckpt")

    chosen = checkpoint_of(options(tmp_path) if by_name else options(None, str(checkpoints / "best.ckpt")))

    assert chosen == checkpoints / "epoch_0003.ckpt"
