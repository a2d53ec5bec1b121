import shutil
from pathlib import Path

import pytest

from common.errors import RunError
from engine.config import load_config
from engine.run.budget_folder import BudgetFolder
from engine.run.pictures_flag import OWN_PICTURES
from engine.run.run_folder import RunFolder
from engine.run.unfinished import newest_unfinished


@pytest.fixture
def folder(tmp_path: Path) -> BudgetFolder:
    return BudgetFolder.create(load_config(OWN_PICTURES, {"output_dir": str(tmp_path / "runs"), "name": "x-budget5m"}))


def make_run(folder: BudgetFolder, name: str, *extra: str) -> Path:
    run = folder.steps / name
    (run / "checkpoints").mkdir(parents=True)
    for file in ("config.yaml", "classes.json", "preprocessing.json", *extra):
        (run / file).write_text(f"{file} of {name}")
    (run / "checkpoints" / "best.ckpt").write_text(f"weights of {name}")
    return run


def test_the_kept_run_is_read_at_the_top_like_any_run(folder: BudgetFolder) -> None:
    make_run(folder, "head-seed0", "eval_val.json")
    folder.keep("head-seed0")
    run = RunFolder.open(folder.path)
    assert (run.checkpoints / "best.ckpt").read_text() == "weights of head-seed0"
    assert (run.path / "eval_val.json").read_text() == "eval_val.json of head-seed0"


def test_keeping_another_run_leaves_nothing_of_the_one_before(folder: BudgetFolder) -> None:
    make_run(folder, "head-seed0", "only_head.csv")
    make_run(folder, "full-seed0", "only_full.csv")
    folder.keep("head-seed0")
    folder.keep("full-seed0")
    assert (folder.path / "config.yaml").read_text() == "config.yaml of full-seed0"
    assert (folder.path / "only_full.csv").is_file()
    assert not (folder.path / "only_head.csv").is_symlink()


def test_what_the_whole_says_of_itself_is_not_taken_from_the_kept_run(folder: BudgetFolder) -> None:
    own = ("status.json", "summary.json", "report.html", "splits.csv")
    make_run(folder, "head-seed0", *own)
    for name in own:
        (folder.path / name).write_text("of the whole")
    folder.keep("head-seed0")
    assert {(folder.path / name).read_text() for name in own} == {"of the whole"}


def test_the_folder_can_be_moved(folder: BudgetFolder, tmp_path: Path) -> None:
    make_run(folder, "head-seed0")
    folder.keep("head-seed0")
    moved = folder.path.rename(tmp_path / "elsewhere")
    assert (moved / "checkpoints" / "best.ckpt").read_text() == "weights of head-seed0"


def test_resume_auto_finds_it_before_anything_is_kept(folder: BudgetFolder, tmp_path: Path) -> None:
    config = load_config(OWN_PICTURES, {"output_dir": str(tmp_path / "runs"), "name": "x-budget5m"})
    found = newest_unfinished(config)
    assert found is not None
    assert found[0].path == folder.path
    found[1].release()


def test_only_a_folder_in_which_nothing_was_begun_is_taken_away(folder: BudgetFolder) -> None:
    make_run(folder, "head-seed0")
    folder.remove_if_empty()
    assert folder.path.is_dir()
    shutil.rmtree(folder.steps / "head-seed0")
    folder.remove_if_empty()
    assert not folder.path.exists()


def test_another_run_is_no_folder_to_go_on_in(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not the folder of a run with --budget"):
        BudgetFolder.open(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "\udcff"])
def test_a_damaged_record_is_refused_with_a_remedy(folder: BudgetFolder, text: str) -> None:
    (folder.path / "budget.json").write_text(text, errors="surrogateescape")
    with pytest.raises(RunError, match="start a new run, without --resume"):
        folder.read()
