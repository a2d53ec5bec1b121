"""The environment says what a machine lacks before it downloads, and brings along the OpenMP that MindSpore wants."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
OPENMP = "-c import ctypes; ctypes.CDLL"
STUB = """#!/bin/sh
# An interpreter that answers what launch/environment.sh asks: it fails when asked $LACKS.
printf '%s\\n' "$*" >>"$ASKED"
case $* in "$LACKS"*) exit 1 ;; esac
case $* in *sysconfig*) printf '%s\\n' "$SITE" ;; esac
"""


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An installed environment, as far as the script looks at it."""
    venv = tmp_path / "environment"
    write_stub(venv / "bin/python")
    (venv / "site/mindspore/lib").mkdir(parents=True)
    (venv / "site/scikit_learn.libs").mkdir()
    (venv / "site/scikit_learn.libs/libgomp-e985bcbb.so.1.0.0").write_text("OpenMP")
    lock = hashlib.sha256((ROOT / "requirements.lock").read_bytes()).hexdigest()
    (venv / "installed-lock.sha256").write_text(f"{lock}  -\n")
    return venv


def write_stub(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(STUB)
    path.chmod(0o755)


def source(venv: Path, lacks: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "VENV": str(venv),
        "SITE": str(venv / "site"),
        "LACKS": lacks,
        "ASKED": str(venv.parent / "asked"),
    }
    return subprocess.run(
        ["bash", "-c", "set -e; source launch/environment.sh"],
        cwd=ROOT,
        env=environment | settings,
        capture_output=True,
        text=True,
    )


def test_a_machine_without_openmp_gets_scikit_learns(venv: Path) -> None:
    run = source(venv, lacks=OPENMP)

    assert run.returncode == 0, run.stderr
    assert (venv / "site/mindspore/lib/libgomp.so.1").read_text() == "OpenMP"
    assert not Path(os.readlink(venv / "site/mindspore/lib/libgomp.so.1")).is_absolute()


def test_a_link_to_an_older_copy_is_renewed(venv: Path) -> None:
    (venv / "site/mindspore/lib/libgomp.so.1").symlink_to("../../scikit_learn.libs/libgomp-older.so.1")

    source(venv, lacks=OPENMP)

    assert (venv / "site/mindspore/lib/libgomp.so.1").read_text() == "OpenMP"


def test_a_machine_with_openmp_keeps_its_own(venv: Path) -> None:
    assert source(venv, lacks="nothing").returncode == 0
    assert not os.path.lexists(venv / "site/mindspore/lib/libgomp.so.1")


def test_without_any_openmp_the_package_is_named(venv: Path) -> None:
    (venv / "site/scikit_learn.libs/libgomp-e985bcbb.so.1.0.0").unlink()

    run = source(venv, lacks=OPENMP)

    assert run.returncode == 2
    assert "apt-get install libgomp1" in run.stderr


@pytest.mark.parametrize(
    ("module", "package"), [("ensurepip", "python3.11-venv"), ("venv", "python3.11-venv"), ("ssl", "python3.11")]
)
def test_a_python_that_lacks_a_module_is_refused_before_the_download(module: str, package: str, tmp_path: Path) -> None:
    python = tmp_path / "bin/python3.11"
    write_stub(python)

    run = source(tmp_path / "new", lacks=f"-c import {module}", PYTHON=str(python))

    assert run.returncode == 2
    assert f"no {module} module (Debian 12: apt-get install {package};" in run.stderr
    assert "-m" not in (tmp_path / "asked").read_text().split()
