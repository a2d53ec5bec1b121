"""The checks look at what the project tracks, not at what a user keeps in the clone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tracked() -> list[str]:
    """Every file of the project; a copy without git has no list of them."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode or not listing.stdout:
        pytest.skip("needs git and a clone")
    return [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def lists(folder: Path) -> dict[str, list[str]]:
    """The three lists of tests/sources.sh, as they are in a clone."""
    names = ("rooms", "doors", "scripts")
    show = "; ".join(f"printf '%s\\n' {name} \"${{{name}[@]}}\" ''" for name in names)
    code = f"source tests/sources.sh; {show}"
    run = subprocess.run(["bash", "-euc", code], cwd=folder, capture_output=True, text=True, check=True)
    found = {}
    for block in run.stdout.strip().split("\n\n"):
        name, *entries = block.splitlines()
        found[name] = entries
    return found


def test_all_of_the_project_is_looked_at() -> None:
    python = [name for name in tracked() if name.endswith(".py")]

    found = lists(ROOT)

    assert found["rooms"] == sorted({name.split("/")[0] for name in python if "/" in name})
    assert found["doors"] == sorted(name for name in python if "/" not in name)
    assert {name for name in tracked() if name.endswith(".sh") or name == ".ci/run"} <= set(found["scripts"])


def test_what_a_user_keeps_in_the_clone_is_not(tmp_path: Path) -> None:
    for name in tracked():
        if name.endswith((".py", ".sh", ".sbatch", "pyproject.toml")) or name == ".ci/run":
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    for folder in (
        "my_bundle/lite",
        "second bundle/lite",
        "bundles/x/lite",
        "runs/x",
        "logs",
        "comparison",
        "old/tests",
    ):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "classify.py").write_text("import os, sys\nx: int = 'no'\n")
        (tmp_path / folder / "convert.sh").write_text("echo $1\n")
    (tmp_path / "my_script.py").write_text("import os\n")

    assert lists(tmp_path) == lists(ROOT)


@pytest.mark.parametrize("command", [["ruff", "check"], ["ruff", "format", "--check"]], ids=" ".join)
def test_the_rooms_and_doors_pass_as_they_are_given(command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip("needs ruff")
    found = lists(ROOT)

    run = subprocess.run([*command, *found["rooms"], *found["doors"]], cwd=ROOT, capture_output=True, text=True)

    assert run.returncode == 0, run.stdout
