import shutil
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest

from common.errors import RunError
from engine.run.checkpoint import CheckpointStore, Sidecar, Snapshot, load_state, verify

DESCRIPTION = {
    "monitor": "val_top1",
    "classes": ["a", "b"],
    "preprocessing": {},
    "model": {},
    "parameters": {"total": 6, "trainable": 6},
    "lora": None,
}


def weights(value: float, count: int = 6) -> dict[str, np.ndarray]:
    return {"layer.weight": np.full(count, value, np.float32)}


def save(store: CheckpointStore, epoch: int, *, best: bool = False, **options: Any) -> Path:
    return store.save(Snapshot(weights(epoch), epoch, epoch * 10, epoch / 10, best, **options))


def test_a_checkpoint_comes_back_with_its_sidecar(tmp_path: Path) -> None:
    save(CheckpointStore(tmp_path, DESCRIPTION), 3, best=True)

    sidecar = verify(tmp_path / "best.ckpt")
    loaded = ms.load_checkpoint(str((tmp_path / "best.ckpt").resolve()))

    assert (sidecar.epoch, sidecar.step, sidecar.score, sidecar.classes) == (3, 30, 0.3, ("a", "b"))
    assert np.array_equal(loaded["layer.weight"].asnumpy(), weights(3)["layer.weight"])


def test_a_refit_is_the_best_has_seen_val_and_names_the_checkpoint_that_was_scored(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, DESCRIPTION)
    scored = save(store, 0, best=True)

    store.save_refit(weights(7), tmp_path / "best.ckpt")

    kept = verify(tmp_path / "best.ckpt")
    assert (kept.refit_of, kept.score, kept.has_seen("val"), kept.has_seen("test")) == (scored.name, None, True, False)
    assert not verify(scored).has_seen("val")


def test_a_copy_that_made_files_of_the_links_is_understood(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    store = CheckpointStore(tmp_path / "run", DESCRIPTION)
    save(store, 3, best=True, state={"moment": np.zeros(2, np.float32)}, state_notes={})
    save(store, 4)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")  # follows links, as clouds and sticks do

    assert not (tmp_path / "copy/best.ckpt").is_symlink()
    assert [verify(tmp_path / "copy" / name).epoch for name in ("best.ckpt", "last.ckpt")] == [3, 4]
    assert load_state(tmp_path / "copy/best.ckpt")[0].keys() == {"moment"}


def test_the_newest_the_best_and_every_nth_stay(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, DESCRIPTION, keep=2, keep_every=4)
    for epoch in range(1, 10):
        save(store, epoch, best=epoch == 2)

    assert sorted(p.name for p in tmp_path.glob("epoch_*.ckpt")) == [f"epoch_000{epoch}.ckpt" for epoch in (2, 4, 8, 9)]
    assert Sidecar.read(tmp_path / "last.ckpt").epoch == 9
    assert Sidecar.read(tmp_path / "best.ckpt").epoch == 2


def test_the_best_stays_in_a_folder_named_from_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = CheckpointStore(Path("."), DESCRIPTION, keep=1)
    for epoch in range(1, 5):
        save(store, epoch, best=epoch == 1)

    assert verify(Path("best.ckpt")).epoch == 1


def test_the_training_state_comes_back(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, DESCRIPTION)
    save(store, 1, state={"moment": np.arange(3.0)}, state_notes={"epoch": 1, "best_score": 0.5})

    arrays, notes = load_state(tmp_path / "last.ckpt")

    assert np.array_equal(arrays["moment"], np.arange(3.0))
    assert notes == {"epoch": 1, "best_score": 0.5}


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = save(CheckpointStore(tmp_path, DESCRIPTION), 1)
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(RunError, match=r"last.ckpt: damaged"):
        verify(tmp_path / "last.ckpt")


def test_a_file_without_its_sidecar_is_refused(tmp_path: Path) -> None:
    path = save(CheckpointStore(tmp_path, DESCRIPTION), 1)
    path.with_suffix(".json").unlink()

    with pytest.raises(RunError, match="sidecar"):
        verify(path)
