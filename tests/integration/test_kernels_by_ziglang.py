"""The compiler of last resort, for machines without one, makes kernels that are as right as any other's."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.integration.jobs import ROOT, environment

# The hottest kernels, against their definitions in float64.
TESTS = ("depthwise", "pointwise", "adamw")


def test_kernels_that_ziglang_has_compiled_compute_what_they_should() -> None:
    pytest.importorskip(
        "ziglang", reason="ziglang is not installed: pip install ziglang (about 10 s of CPU to compile)"
    )
    files = [f"tests/unit/kernels/test_{name}.py" for name in TESTS]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *files],
        cwd=ROOT, env=environment(PATH="/nowhere"), capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
