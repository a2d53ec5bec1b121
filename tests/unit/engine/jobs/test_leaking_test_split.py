"""A run on data whose test split holds training pictures ends with a score on the pictures that it does not hold."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mindspore as ms

from engine.jobs import train as job
from engine.runtime.start import Runtime
from tests.unit.engine.jobs.test_run_and_its_data import make_pictures, recipe


def test_the_pictures_that_do_not_leak_are_scored_by_themselves(tmp_path: Path) -> None:
    make_pictures(tmp_path / "data")
    shutil.copy(tmp_path / "data/train/cat/0.png", tmp_path / "data/test/cat/0.png")
    ms.set_context(mode=ms.PYNATIVE_MODE)

    run = job.train(
        recipe(output_dir=tmp_path / "runs", data__path=tmp_path / "data", data__cache_dir=tmp_path / "cache"),
        Runtime("CPU"),
    )

    ms.set_context(mode=ms.GRAPH_MODE)
    test, unseen = (json.loads((run / f"eval_{split}.json").read_text()) for split in ("test", "test_unseen"))
    assert (test["n"], test["leaking"]) == (9, True)
    assert (unseen["n"], unseen["leaking"]) == (8, False)
    assert (run / "predictions_test_unseen.csv").is_file()
