"""A Python that lacks our packages is told so in one line."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from common.packages import PACKAGES, missing_packages
from launch.plan import ROOT


def test_the_list_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[^\w.-]", entry)[0].lower() for entry in project["dependencies"]}

    distributions = packages_distributions()
    provided = {name.lower() for package in PACKAGES for name in distributions[package.partition(".")[0]]}

    assert wanted <= provided
    assert len(wanted) == len(PACKAGES)
    assert missing_packages() == []


@pytest.mark.parametrize("command", [["train.py", "--config", "config/lenet5_digits.yaml"], ["-m", "common.packages"]])
def test_one_line_says_what_is_missing_and_where_to_get_it(command: list[str]) -> None:
    """Without site-packages this Python is one that has none of them."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", BARE, *command], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 2
    assert re.fullmatch(r"error: \S+ has no mindspore, numpy, .*: source launch/environment.sh, or .*\n", done.stderr)


BARE = """
import runpy, sys
sys.path.insert(0, ".")
sys.argv.pop(0)
if sys.argv[0] == "-m":
    runpy.run_module(sys.argv[1], run_name="__main__")
else:
    runpy.run_path(sys.argv[0], run_name="__main__")
"""
