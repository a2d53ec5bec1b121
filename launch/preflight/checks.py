"""One line of the preflight's table, and the machine it is about."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One line of the table.

    Args:
        name: what was looked at.
        state: ok, warn (the job can start) or fail.
        details: what was found.
        remedy: what to do; empty where all is well.
    """

    name: str
    state: Literal["ok", "warn", "fail"]
    details: str
    remedy: str = ""


@dataclass(frozen=True)
class Machine:
    """Files, environment and programs of the machine that is looked at.

    Args:
        root: of its files.
        environ: the user's environment; programs are found by its PATH.
    """

    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def path(self, absolute: str) -> Path:
        """Return a file of this machine."""
        return self.root / absolute.lstrip("/")

    def has(self, program: str) -> bool:
        """Whether a program is on the PATH."""
        return shutil.which(program, path=self.environ.get("PATH")) is not None

    def run(self, program: str, *arguments: str, timeout: float = 20) -> str | None:
        """Return what a program prints; None where it is missing, fails or hangs."""
        found = shutil.which(program, path=self.environ.get("PATH"))
        if found is None:
            return None
        try:
            done = subprocess.run(
                [found, *arguments], capture_output=True, text=True, errors="replace", timeout=timeout, env=self.environ
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

    def import_problem(self, module: str, timeout: float = 60) -> str | None:
        """Return why this Python cannot import a module, in one line, or None where it can."""
        try:
            done = subprocess.run(
                [sys.executable, "-c", f"import {module}"],
                capture_output=True, text=True, errors="replace", timeout=timeout, env=self.environ, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"importing it took more than {timeout:.0f} s"
        if done.returncode == 0:
            return None
        lines = done.stderr.strip().splitlines()
        return lines[-1] if lines else f"exit code {done.returncode}"


def table(checks: Sequence[Check]) -> str:
    """Lay the checks out in columns, each remedy on a line below."""
    width = max(len(item.name) for item in checks)
    lines = []
    for item in checks:
        lines.append(f"{item.state:4}  {item.name:{width}}  {item.details}")
        if item.remedy:
            lines.append(f"      {'':{width}}  -> {item.remedy}")
    return "\n".join(lines)
