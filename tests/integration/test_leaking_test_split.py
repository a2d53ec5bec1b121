"""A run whose test split holds training pictures ends with a score of the unseen ones beside it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.newcomer import make_pictures
from tests.integration.jobs import ROOT, environment

CLASSES = {"blue disc": 6, "green box": 6}


def train(data: Path, out: Path, *flags: str) -> Path:
    recipe = ("--config", "config/lenet5_garbage26_modern.yaml", "--data.path", str(data), "--output_dir", str(out))
    short = ("--train.epochs", "1", "--schedule.warmup_epochs", "0", "--data.batch_size", "4", *flags)
    command = [sys.executable, "train.py", *recipe, *short]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "lenet5_garbage26_modern-seed0"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of twelve test pictures are training pictures."""
    folder = tmp_path_factory.mktemp("leaking")
    for seed, split in enumerate(("train", "val", "test")):
        make_pictures(folder / split, CLASSES, (48, 40), seed)
    for name in CLASSES:
        (folder / "test" / name / "0.jpg").write_bytes((folder / "train" / name / "1.jpg").read_bytes())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--data.val_split", "test")], ids=["chosen on val", "chosen on test"])
def test_the_unseen_part_of_test_is_scored_and_marked_like_test(
    data: Path, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    run = train(data, tmp_path, *flags)

    test, unseen = (json.loads((run / f"eval_{split}.json").read_text()) for split in ("test", "test_unseen"))

    assert (test["n"], test["leaking"]) == (12, True)
    assert (unseen["n"], unseen["leaking"]) == (10, False)
    assert test.get("chosen_on", False) == unseen.get("chosen_on", False) == bool(flags)
