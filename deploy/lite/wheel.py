"""MindSpore Lite from PyPI, by name and hash: into a Python 3.7 of its own, or unpacked without any."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from deploy.use.lite_environment import LiteError
from deploy.use.lite_process import run_process

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
VERSION = "2.0.0"
PLATFORMS = {"x86_64": "manylinux1_x86_64", "aarch64": "manylinux2014_aarch64"}
DOWNLOAD_SECONDS = 1800.0
_CHECK = "import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 7))"


def find_python() -> Path | None:
    """A Python 3.7 that can make environments: on the PATH, of pyenv, of uv or of conda."""
    return next((python for python in _candidates() if is_python_3_7(python)), None)


def is_python_3_7(python: Path) -> bool:
    """Whether a program is a Python 3.7 with the modules venv and ensurepip."""
    return _output([str(python), "-c", _CHECK]) is not None


def _candidates() -> Iterator[Path]:
    if found := shutil.which("python3.7"):
        yield Path(found)
    if prefix := _output(["pyenv", "prefix", "3.7"]):
        yield Path(prefix, "bin", "python3.7")
    if found := _output(["uv", "python", "find", "--no-python-downloads", "3.7"]):
        yield Path(found)
    try:
        folders = json.loads(_output(["conda", "info", "--envs", "--json"]) or "{}").get("envs", [])
    except ValueError:
        folders = []
    yield from (Path(folder, "bin", "python3.7") for folder in folders)


def _output(command: list[str]) -> str | None:
    """What a program prints, or None where it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def make_python(python: Path, folder: Path) -> Path:
    """Make an environment with Lite, numpy and Pillow.

    Args:
        python: a Python 3.7.
        folder: to make.

    Returns:
        The folder `mindspore_lite` inside.

    Raises:
        LiteError: PyPI is not reachable, or a hash differs.
    """
    # Links, not copies of this environment's variables: a virtual environment's Python points at its base.
    run_process([str(python), "-m", "venv", str(folder)], f"{python} -m venv", 300)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "-r", str(REQUIREMENTS)]
    _pip([*pip, *options])
    return next(folder.glob("lib/python3.7/site-packages")) / "mindspore_lite"


def unpack(folder: Path, machine: str) -> Path:
    """Download the wheel and unpack it.

    Args:
        folder: to unpack into.
        machine: x86_64 or aarch64.

    Returns:
        The folder `mindspore_lite` inside.

    Raises:
        LiteError: PyPI is not reachable, or a hash differs.
    """
    with tempfile.TemporaryDirectory(prefix="lite-") as place:
        wanted = Path(place, "wheel.txt")
        wanted.write_text(_requirement("mindspore-lite"), encoding="utf-8")
        options = ["--python-version", "3.7", "--platform", PLATFORMS[machine], "--require-hashes", "--no-deps"]
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        _pip([*pip, *options, "--only-binary=:all:", "--dest", place, "-r", str(wanted)])
        with zipfile.ZipFile(next(Path(place).glob("*.whl"))) as wheel:
            wheel.extractall(folder)
    return folder / "mindspore_lite"


def _requirement(name: str) -> str:
    """The lines about one package."""
    text = REQUIREMENTS.read_text(encoding="utf-8").replace("\\\n", " ")
    return "\n".join(line for line in text.splitlines() if line.startswith(f"{name}=="))


def _pip(command: list[str]) -> None:
    try:
        run_process(command, f"pip {command[command.index('pip') + 2]} mindspore-lite=={VERSION}", DOWNLOAD_SECONDS)
    except LiteError as error:
        raise LiteError(f"{error}\nPyPI has to be reachable, or name an unpacked Lite release: --release DIR") from None
