"""The recipe that a run keeps names the sub-folders it took: trained again or gone on with, it takes the same ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from common import log
from common.errors import DataError
from datazoo.pictures import DataFinding
from engine.config import Config, dump_config, load_config
from engine.config.data_section import DataConfig
from engine.jobs.pictures import keep_made_split, open_splits, with_split_folders, write_split
from engine.run.resume import different_keys
from engine.run.run_data import RunData
from train import main as train


def write_data(folder: Path, *splits: str) -> Path:
    for place, split in enumerate(splits):
        for label in ("cat", "dog"):
            (folder / split / label).mkdir(parents=True)
            for index in range(4):
                picture = Image.new("L", (8, 8), 60 * place + 10 * index + len(split) + (label == "dog"))
                picture.save(folder / split / label / f"{index}.png")
    return folder


def write_recipe(folder: Path, data: Path, split: str = "") -> Path:
    path = folder / "recipe.yaml"
    preprocessing = "{color: gray, resize: 32, image_size: 32, mean: [0.5], std: [0.5]}"
    where = f"source: image_folder, path: {data}, cache_dir: {folder / 'cache'}"
    path.write_text(f"data: {{{where}, {split} preprocessing: {preprocessing}}}\n")
    return path


def run_of(folder: Path, config: Config) -> Path:
    folder.mkdir()
    (folder / "classes.json").write_text("[]")
    (folder / "config.yaml").write_text(dump_config(config))
    return folder / "config.yaml"


@pytest.mark.parametrize(
    ("names", "val"),
    [(("train", "test"), None), (("train", "valid", "test"), "valid"), (("train", "val", "test"), "val")],
)
def test_a_run_keeps_what_its_splits_were_found_in(tmp_path: Path, names: tuple[str, ...], val: str | None) -> None:
    recipe = write_recipe(tmp_path, write_data(tmp_path / "data", *names))
    config = load_config(recipe)
    splits = open_splits(config.data)
    kept = with_split_folders(config, splits)

    again = load_config(run_of(tmp_path / "run", kept))

    assert (kept.data.val_split, again.data.val_split) == (val, val)
    assert open_splits(again.data).train.fingerprint() == splits.train.fingerprint()
    assert different_keys(again, with_split_folders(load_config(recipe), splits)) == {}


def test_a_run_of_before_that_held_val_out_goes_on(tmp_path: Path) -> None:
    config = load_config(write_recipe(tmp_path, write_data(tmp_path / "data", "train", "test")))
    older = load_config(run_of(tmp_path / "run", config))  # it kept `val_split: val`

    assert different_keys(older, with_split_folders(config, open_splits(config.data))) == {}
    assert len(open_splits(older.data).val) == 2


def test_a_run_of_before_that_held_val_out_does_not_go_on_with_a_folder(tmp_path: Path) -> None:
    config = load_config(write_recipe(tmp_path, write_data(tmp_path / "data", "train", "valid", "test")))
    older = load_config(run_of(tmp_path / "run", config))

    now = with_split_folders(config, open_splits(config.data))

    assert different_keys(older, now) == {"data.val_split": (None, "valid")}


def test_a_recipe_that_names_val_needs_the_folder(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", "train", "test")
    with pytest.raises(DataError, match=r"data\.val_split: split folder .*val does not exist; .* has test, train"):
        open_splits(load_config(write_recipe(tmp_path, data, "val_split: val,")).data)
    with pytest.raises(DataError, match=r"data\.val_split: split folder .*val does not exist"):
        open_splits(load_config(write_recipe(tmp_path, data), {"data.val_split": "val"}).data)


def test_a_run_of_a_flat_folder_keeps_how_its_splits_were_made(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, write_data(tmp_path, "data") / "data")
    config = load_config(recipe)
    splits = open_splits(config.data)
    kept = with_split_folders(config, splits)

    again = load_config(run_of(tmp_path / "run", kept))

    assert (again.data.train_split, again.data.val_split, again.data.test_split) == (".", None, None)
    assert again.data.test_fraction == 0.2
    assert [part.fingerprint() for part in open_splits(again.data)] == [part.fingerprint() for part in splits]
    assert different_keys(again, with_split_folders(load_config(recipe), splits)) == {}


def test_the_list_that_a_run_keeps_gives_its_splits_again(tmp_path: Path) -> None:
    data = write_data(tmp_path, "data") / "data"
    config = load_config(write_recipe(tmp_path, data)).data
    splits = open_splits(config)
    (tmp_path / "run").mkdir()

    keep_made_split(splits, tmp_path / "run/splits.csv")

    (data / "cat/new.png").write_bytes((data / "cat/0.png").read_bytes())
    again = open_splits(config.model_copy(update={"path": tmp_path / "run/splits.csv"}))
    assert [part.fingerprint() for part in again] == [part.fingerprint() for part in splits]


def test_splits_that_were_found_are_not_written_down_again(tmp_path: Path) -> None:
    config = load_config(write_recipe(tmp_path, write_data(tmp_path / "data", "train", "val", "test"))).data

    keep_made_split(open_splits(config), tmp_path / "splits.csv")

    assert not (tmp_path / "splits.csv").exists()


def test_write_split_writes_the_list_and_trains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write_recipe(tmp_path, write_data(tmp_path, "data") / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(log, "log_to_console", lambda: None)  # it would stay for the tests that follow

    assert train(["--config", str(recipe), "--write_split", "splits.csv"]) == 0

    assert (tmp_path / "splits.csv").read_text().splitlines()[:2] == ["path,label,split", "data/cat/2.png,cat,train"]
    assert not (tmp_path / "runs").exists()


def test_write_split_writes_links_where_the_name_is_no_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write_recipe(tmp_path, write_data(tmp_path, "data") / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(log, "log_to_console", lambda: None)  # it would stay for the tests that follow

    assert train(["--config", str(recipe), "--write_split", "linked"]) == 0

    assert (tmp_path / "linked/train/cat/2.png").readlink() == tmp_path / "data/cat/2.png"
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("gone/splits.csv", "gone does not exist"),
        ("full", "full is not empty; name a new folder"),
        ("file", "file is no folder; name a new one, or a list: splits.csv"),
        ("folder.csv", "folder.csv is a folder, and its name is a list's"),
    ],
)
def test_write_split_refuses_its_place_before_it_looks_at_pictures(tmp_path: Path, target: str, says: str) -> None:
    (tmp_path / "full/a").mkdir(parents=True)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    config = load_config(write_recipe(tmp_path, tmp_path / "no_data")).data
    with pytest.raises(DataError, match=says):
        write_split(config, tmp_path / target)


def write_leak(data: Path) -> None:
    (data / "test/cat/0.png").write_bytes((data / "train/cat/1.png").read_bytes())


def test_a_leak_is_marked_refused_or_dropped_as_the_recipe_says(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", "train", "val", "test")
    write_leak(data)

    def recipe(on_leak: str) -> DataConfig:
        return load_config(write_recipe(tmp_path, data, f"on_leak: {on_leak},")).data

    warned, dropped = open_splits(recipe("warn")), open_splits(recipe("drop"))
    assert (warned.leaking, len(warned.train)) == (frozenset({"test"}), 8)
    assert (dropped.leaking, len(dropped.train)) == (frozenset(), 7)
    assert warned.findings == (DataFinding("copies", "test", 1, "train"),)
    assert dropped.findings == (DataFinding("dropped", "train", 1),)
    with pytest.raises(DataError, match="1 of 8 test pictures are copies of train pictures"):
        open_splits(recipe("fail"))


def test_pictures_that_cannot_be_read_are_counted_by_split(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", "train", "val", "test")
    (data / "val/cat/0.png").write_bytes(b"no picture")

    splits = open_splits(load_config(write_recipe(tmp_path, data, "on_bad_image: skip,")).data)

    assert splits.findings == (DataFinding("unreadable", "val", 1),)
    assert RunData.of(splits).findings == splits.findings


def test_a_test_split_that_is_val_too_is_said_to_have_chosen_the_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = write_data(tmp_path / "data", "train", "test")

    splits = open_splits(load_config(write_recipe(tmp_path, data, "val_split: test, test_split: test,")).data)

    assert "test" in splits.chosen_on
    assert "CHOSEN ON TEST" in caplog.text


def test_a_test_split_that_shares_a_part_with_val_did_not_choose_the_checkpoint(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", "train", "val", "test")
    (data / "test/cat/0.png").write_bytes((data / "val/cat/1.png").read_bytes())

    assert not open_splits(load_config(write_recipe(tmp_path, data)).data).chosen_on
