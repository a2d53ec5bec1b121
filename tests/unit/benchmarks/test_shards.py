"""benchmarks/shards.py compares the same pictures."""

from __future__ import annotations

from pathlib import Path

from benchmarks.shards import make_folder, make_tars
from datazoo.sources.splits import SplitChoice, load_splits


def test_the_tars_hold_the_folders_pictures(tmp_path: Path) -> None:
    make_folder(tmp_path / "folder", 20)
    make_tars(tmp_path / "folder", tmp_path / "tar")
    choice = SplitChoice(test_split=None, cache_dir=tmp_path)

    folder, tar = (load_splits("image_folder", tmp_path / kind, choice).train for kind in ("folder", "tar"))

    assert tar.content_hashes() == folder.content_hashes()
    assert tar.labels.tolist() == folder.labels.tolist()
