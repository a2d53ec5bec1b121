"""What is checked, linted and drawn is every room that there is."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def rooms() -> set[str]:
    """Folders at the top that hold Python files of the project."""
    return {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}


def test_the_checks_look_at_every_room() -> None:
    script = "source tests/sources.sh; printf '%s\\n' \"${rooms[@]}\""

    listed = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()

    assert rooms() <= set(listed)


def test_the_arrows_are_held_in_every_room() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert rooms() - {"benchmarks", "examples", "tests"} == set(config["tool"]["importlinter"]["root_packages"])
