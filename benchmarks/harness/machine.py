"""What a measurement was made on and of."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

PACKAGES = ("mindspore", "numpy", "onnxruntime", "scikit-learn", "pillow")


def describe(root: Path, torch_python: str) -> dict[str, object]:
    """Machine, versions and commit, for the head of a result.

    Args:
        root: the clone.
        torch_python: the interpreter of the peers in PyTorch.
    """
    commit = _output(["git", "-C", str(root), "rev-parse", "HEAD"])
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": _processor(),
            "architecture": platform.machine(),
            "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "load_before": os.getloadavg()[0],
            "kernel": platform.release(),
        },
        "versions": {"python": platform.python_version(), **_versions(PACKAGES), "torch": _torch(torch_python)},
        "commit": commit,
        "changed_files": len(_output(["git", "-C", str(root), "status", "--porcelain"]).splitlines()),
    }


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ""
    return found


def _torch(python: str) -> str:
    return _output([python, "-c", "from importlib.metadata import version; print(version('torch'))"])


def _processor(cpu_info: Path = Path("/proc/cpuinfo")) -> str:
    lines = cpu_info.read_text().splitlines() if cpu_info.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), sys.platform)


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
