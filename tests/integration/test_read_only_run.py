"""A run that another user owns, or on a read-only mount, can be used; a mount keeps root from writing, too."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.integration.jobs import ROOT, environment


def on_read_only_mount(run: Path, name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    probe = subprocess.run(["unshare", "--mount", "true"], capture_output=True)
    if probe.returncode:
        pytest.skip("needs the right to make a mount")
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "bash", "-c", script, run, sys.executable, ROOT / name, *map(str, arguments)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )


def test_eval_prints_its_result_and_says_that_it_is_not_saved(digits_run: Path) -> None:
    done = on_read_only_mount(digits_run, "eval.py", "--run", digits_run)

    assert done.returncode == 0, done.stderr
    assert "test: top-1" in done.stdout
    assert f"{digits_run} cannot be written: the result is printed, and not saved" in done.stderr


def test_predict_names_the_classes(digits_run: Path, tmp_path: Path) -> None:
    Image.new("L", (32, 32)).save(tmp_path / "seven.png")

    done = on_read_only_mount(digits_run, "predict.py", "--model", digits_run, tmp_path / "seven.png")

    assert done.returncode == 0, done.stderr
    assert "seven.png" in done.stdout


def test_export_writes_where_it_is_told(digits_run: Path, tmp_path: Path) -> None:
    done = on_read_only_mount(digits_run, "export.py", "--run", digits_run, "--out", tmp_path / "bundle")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "bundle" / "manifest.json").is_file()
