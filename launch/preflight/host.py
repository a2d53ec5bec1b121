"""What any machine needs: MindSpore, cores, memory, disks, limits, data."""

from __future__ import annotations

import glob
import importlib.util
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from common.names import printable
from launch.preflight.checks import Check, Machine
from launch.request import JobRequest

_GB = 1e9
LEAST_DISK = 1 << 30
"""Bytes free for checkpoints below which we warn."""
LEAST_SHARED_MEMORY = 256 << 20
"""Bytes of /dev/shm a process: MindSpore's dataset and HCCL use it; a container has 64 MB if nobody asks for more."""
LEAST_OPEN_FILES = 1024
_PACKAGES = ("numpy", "psutil", "pydantic", "PIL", "yaml", "sklearn", "tensorboardX", "onnxruntime")


def mindspore_is_there() -> Check:
    """MindSpore, in the version that this was made for."""
    if importlib.util.find_spec("mindspore") is None:
        return Check("mindspore", "fail", f"{sys.executable} has none", "source launch/environment.sh")
    found = version("mindspore")
    if found.startswith("2.10."):
        return Check("mindspore", "ok", found)
    return Check("mindspore", "warn", f"{found}, made for 2.10", "source launch/environment.sh")


def packages_are_there(packages: Sequence[str] = _PACKAGES) -> Check:
    """The packages beside it."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        return Check("packages", "fail", f"missing: {', '.join(missing)}", "source launch/environment.sh")
    return Check("packages", "ok", f"{len(packages)} looked for, all there")


def cores(request: JobRequest) -> Check:
    """A core for every process."""
    count = len(os.sched_getaffinity(0))
    text = f"{count} for {request.workers} process(es)"
    if request.workers > count:
        return Check("cores", "warn", text, "fewer --workers, or more cores in the container's or job's request")
    return Check("cores", "ok", text)


def output_folder(folder: Path) -> Check:
    """Room and permission where runs are written."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):  # permissions tell root nothing
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        return Check(
            "disk", "fail", f"{printable(there)}: no file can be written ({reason})", "choose another --output_dir"
        )
    free = shutil.disk_usage(there).free
    text = f"{free / _GB:.1f} GB free at {printable(there)}"
    if free < LEAST_DISK:
        return Check("disk", "warn", text, "make room, or choose another --output_dir: checkpoints would not fit")
    return Check("disk", "ok", text)


def shared_memory(request: JobRequest, machine: Machine) -> Check:
    """Room in /dev/shm."""
    folder = machine.path("/dev/shm")
    if not folder.is_dir():
        return Check("/dev/shm", "warn", "not there", "mount a tmpfs there; in a container: --ipc=host or --shm-size")
    total, wanted = shutil.disk_usage(folder).total, LEAST_SHARED_MEMORY * request.workers
    text = f"{total / _GB:.2f} GB for {request.workers} process(es)"
    if total < wanted:
        return Check("/dev/shm", "warn", text, f"docker run --shm-size={-(-wanted // (1 << 30))}g, or --ipc=host")
    return Check("/dev/shm", "ok", text)


def open_files() -> Check:
    """How many files a process may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < LEAST_OPEN_FILES:
        return Check("open files", "warn", f"{soft} at most", f"ulimit -n {min(hard, 65536) if hard > 0 else 65536}")
    return Check("open files", "ok", "any number" if soft == resource.RLIM_INFINITY else f"{soft} at most")


def data_path(arguments: Sequence[str]) -> Path | None:
    """Return the data set that the door's arguments name last."""
    return _last_path(arguments, "dataset_path", "data.path", "pictures")


def output_dir(arguments: Sequence[str]) -> Path:
    """Return the folder that the door's arguments have runs written to."""
    return (_last_path(arguments, "output_dir") or Path("runs")).absolute()


def _last_path(arguments: Sequence[str], *names: str) -> Path | None:
    found = None
    for word, following in zip(arguments, [*arguments, ""][1:], strict=True):
        name, equals, value = word.lstrip("-").partition("=")
        if name in names:
            found = value if equals else following
    return Path(os.path.expanduser(found)) if found else None


def data_is_readable(path: Path) -> Check:
    """The data set can be read: a folder, a file, or all files of a pattern of shards."""
    files = [path] if path.exists() else [Path(name) for name in glob.glob(str(path))]
    if files and all(os.access(file, os.R_OK | (os.X_OK if file.is_dir() else 0)) for file in files):
        return Check("data", "ok", printable(path))
    return Check(
        "data",
        "fail",
        f"{printable(path)}: not there or not readable",
        "mount it on this node, or mend the path, or python -m datazoo.fetch --help",
    )
