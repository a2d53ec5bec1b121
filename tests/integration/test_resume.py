"""A run that was interrupted ends as if it had not been, bit for bit."""

import json
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.jobs import FAST, finish, interrupt, largest_difference, metrics, train

EPOCHS = ("--train.epochs", "4")
# Everything that keeps a state: dropout, BatchNorm, Adam's moments, EMA, loss scale, gradient sums.
STATEFUL = (
    "--model", "{name: lenet5_improved, dropout: 0.3}", "--train.ema_decay", "0.9", "--train.ema_warmup", "true",
    "--amp.loss_scale", "dynamic",
    "--amp.scale_window", "30", "--optimizer.accumulate_steps", "3",
)  # fmt: skip


def options(tmp_path: Path, name: str) -> tuple[str, ...]:
    return (*FAST, *EPOCHS, "--output_dir", str(tmp_path), "--name", name)


def epoch_lines(run: Path) -> list[tuple]:
    return [(m["epoch"], m["step"], m["val_top1"], m["val_loss"]) for m in metrics(run) if m["kind"] == "epoch"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(train(*options(folder, "run"), *STATEFUL))
    return folder / "run-seed0"


@pytest.mark.slow
def test_sigterm_and_kill_at_random_moments_change_nothing(tmp_path: Path, undisturbed: Path) -> None:
    run = tmp_path / "run-seed0"
    arguments = (*options(tmp_path, "run"), *STATEFUL, "--resume", "auto")
    rng = random.Random()  # other moments in every run of this test
    term, kill = rng.randint(1, 150), rng.randint(180, 300)  # of 4 epochs of 79 steps
    print(f"SIGTERM after step {term}, SIGKILL after step {kill}")

    first = train(*arguments)
    interrupt(first, run, term, wait=rng.uniform(0, 0.1))
    finish(first, 143)
    stopped = json.loads((run / "status.json").read_text())
    second = train(*arguments)
    interrupt(second, run, kill, signal.SIGKILL, wait=rng.uniform(0, 0.1))
    finish(second, -signal.SIGKILL)
    output = finish(train(*arguments))

    assert stopped["state"] == "stopped"
    assert "going on from" in output
    assert largest_difference(undisturbed, run) == 0.0
    assert epoch_lines(run) == epoch_lines(undisturbed)
    steps = [m["step"] for m in metrics(run) if m["kind"] == "step"]
    assert steps == sorted(set(steps))
    assert json.loads((run / "status.json").read_text())["state"] == "finished"


@pytest.mark.slow
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(tmp_path: Path, undisturbed: Path) -> None:
    run = tmp_path / "run-seed0"
    arguments = (*options(tmp_path, "run"), *STATEFUL, "--resume", "auto")
    first = train(*arguments)
    interrupt(first, run, 260, signal.SIGKILL)
    finish(first, -signal.SIGKILL)
    newest = (run / "checkpoints" / "last.ckpt").resolve()
    os.truncate(newest, newest.stat().st_size // 2)

    output = finish(train(*arguments))

    assert "damaged" in output
    assert "going on from the one before" in output
    assert largest_difference(undisturbed, run) == 0.0


@pytest.mark.slow
def test_another_recipe_is_refused_with_the_keys_that_differ(tmp_path: Path, undisturbed: Path) -> None:
    process = train(*options(tmp_path, "run"), *STATEFUL, "--resume", undisturbed, "--optimizer.lr", "0.5")

    output = finish(process, 2)

    assert "optimizer.lr: was 0.002, now 0.5" in output
    assert "--resume_force" in output


@pytest.mark.slow
def test_a_full_disk_leaves_whole_checkpoints_to_go_on_from(tmp_path: Path, undisturbed: Path) -> None:
    disk = tmp_path / "small"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2400k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        arguments = (*options(disk, "run"), *STATEFUL, "--resume", "auto")
        process = train(*arguments)
        output, _ = process.communicate(timeout=200)
        assert process.returncode in (1, 2), output
        assert "No space left" in output
        subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)

        output = finish(train(*arguments))

        assert "going on from" in output
        assert largest_difference(undisturbed, disk / "run-seed0") == 0.0
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
