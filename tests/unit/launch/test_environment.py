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


def test_a_machine_with_cann_gets_what_cann_imports(venv: Path) -> None:
    lock = hashlib.sha256((ROOT / "requirements-ascend.lock").read_bytes()).hexdigest()
    (venv / "installed-lock.sha256").write_text(f"{lock}  -\n")

    run = source(venv, lacks="nothing", ASCEND_HOME_PATH="/usr/local/Ascend/cann")

    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"environment: {venv} is up to date with requirements-ascend.lock\n")


def test_the_lock_for_ascend_holds_every_pin_of_the_plain_one() -> None:
    plain, ascend = (
        {line.split(" ")[0] for line in (ROOT / name).read_text().splitlines() if line[0].isalnum()}
        for name in ("requirements.lock", "requirements-ascend.lock")
    )

    assert plain < ascend
    assert {name.partition("==")[0] for name in ascend - plain} >= {"attrs", "cffi", "decorator", "sympy", "tornado"}


@pytest.mark.parametrize(
    ("installed", "sourced"),
    [
        (["cann", "ascend-toolkit"], "cann"),
        (["ascend-toolkit"], "ascend-toolkit"),
        (["nnae"], "nnae"),
        ([], None),
    ],
)
def test_cann_is_found_where_its_versions_put_it(installed: list[str], sourced: str | None, tmp_path: Path) -> None:
    for name in installed:
        (tmp_path / name).mkdir()
        script = f"export ASCEND_HOME_PATH={name}$UNSET_BY_ANYBODY\n"  # as CANN's reads LD_LIBRARY_PATH
        (tmp_path / name / "set_env.sh").write_text(script)

    run = subprocess.run(
        ["bash", "-c", 'source launch/common.sh; source_cann; echo "${ASCEND_HOME_PATH:-}"'],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "ASCEND_INSTALL_PATH": str(tmp_path), "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.strip() == (sourced or "")
    assert run.stderr == (f"CANN: sourcing {tmp_path}/{sourced}/set_env.sh\n" if sourced else "")


def test_a_python_without_our_packages_is_refused_in_one_line(tmp_path: Path) -> None:
    import sys

    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] || exec {sys.executable} -S "$@"\n')  # claims to have MindSpore
    python.chmod(0o755)

    run = subprocess.run(
        ["bash", "launch/run_distribute_cpu.sh", "--config", "config/lenet5_digits.yaml"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)},
        capture_output=True,
        text=True,
    )

    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert "psutil" in run.stderr
    assert "source launch/environment.sh" in run.stderr


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
