"""A time budget on pictures of one's own: whatever it reaches is one run to all other doors."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from benchmarks.newcomer import make_pictures
from tests.integration.jobs import ROOT
from tests.integration.test_own_pictures import CLASSES, door
from tests.integration.test_stopping import start

METHODS = ["head", "head_views", "partial", "full"]
Budgeted = tuple[Path, str, tuple[object, ...]]


@pytest.fixture(scope="module")
def budgeted(tmp_path_factory: pytest.TempPathFactory) -> Budgeted:
    """The run of `train.py --pictures FOLDER --budget TIME`, what it printed, and the flags."""
    weights = ROOT.parent / "shared" / "weights" / "mobilenet_v2_imagenet.safetensors"
    if not weights.is_file():
        pytest.skip("needs ../shared/weights/mobilenet_v2_imagenet.safetensors, which is not here")
    folder = tmp_path_factory.mktemp("budget")
    pictures = make_pictures(folder / "mine", CLASSES)
    flags = (
        "--pictures", pictures, "--finetune.pretrained", weights, "--output_dir", folder / "runs",
        "--data.cache_dir", folder / "cache", "--data.features.cache_dir", folder / "cache" / "features",
    )  # fmt: skip
    said = door("train.py", *flags, "--budget", "3m")
    return folder / "runs" / "mine-budget3m-seed0", said, flags


@pytest.mark.slow
def test_every_method_is_done_or_left_out_with_its_reason_and_one_is_kept(budgeted: Budgeted) -> None:
    run, said, _ = budgeted
    record = json.loads((run / "budget.json").read_text())
    assert [row["method"] for row in record["methods"]] == METHODS
    assert [row["method"] for row in record["methods"] if row["chosen"]] == [record["chosen"]]
    assert all(row["state"] == "done" or row["reason"] for row in record["methods"])
    assert f"kept: {record['chosen']}, " in said
    assert json.loads((run / "status.json").read_text())["state"] == "finished"


@pytest.mark.slow
def test_only_the_kept_method_has_seen_the_test_pictures(budgeted: Budgeted) -> None:
    run, _, _ = budgeted
    scored = [path.parent for path in (run / "steps").glob("*/eval_test.json")]
    assert scored == [(run / "chosen").resolve()]
    assert "What each method brought" in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_folder_is_a_run_to_the_other_doors(budgeted: Budgeted) -> None:
    run, _, flags = budgeted
    assert "test: top-1" in door("eval.py", "--run", run, "--split", "test")
    answer = door("predict.py", Path(str(flags[1])) / "green box" / "0.jpg", "--model", run)
    assert any(name in answer for name in CLASSES)


@pytest.mark.slow
def test_going_on_repeats_no_method(budgeted: Budgeted) -> None:
    run, _, flags = budgeted
    before = {path.name: path.stat().st_mtime_ns for path in (run / "steps").glob("*/config.yaml")}
    door("train.py", *flags, "--budget", "1s", "--resume", run)
    after = {path.name: path.stat().st_mtime_ns for path in (run / "steps").glob("*/config.yaml")}
    assert after == before
    assert json.loads((run / "status.json").read_text())["state"] == "finished"


@pytest.mark.slow
def test_a_budget_too_short_for_the_first_method_says_what_it_takes_and_leaves_nothing(budgeted: Budgeted) -> None:
    run, _, flags = budgeted
    said = door("train.py", *flags, "--budget", "1s", code=2)
    message = said[said.index("error: ") :].splitlines()
    assert "--budget is too short: head" in message[0]
    assert len(message) <= 3
    assert not list(run.parent.glob("mine-budget1s*"))


@pytest.mark.slow
def test_a_signal_leaves_the_best_so_far_and_says_what_was_not_done(budgeted: Budgeted) -> None:
    run, _, flags = budgeted
    process = start(sys.executable, "train.py", *map(str, flags), "--budget", "30m")
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("head: ") and "kept so far: head" in line:
            process.send_signal(signal.SIGTERM)
            break
    said = "".join(lines) + process.stdout.read()

    stopped = run.with_name("mine-budget30m-seed0")
    assert process.wait(60) == 143, said
    assert "kept: head; not done: " in said
    assert f"go on with --resume {stopped}" in said
    assert json.loads((stopped / "status.json").read_text())["state"] == "stopped"
    assert json.loads((stopped / "budget.json").read_text())["chosen"] == "head"
    assert (stopped / "checkpoints" / "best.ckpt").is_file()
