"""Look at a machine before a job is started on it: python -m launch.preflight --workers 8 --platform Ascend.

Prints a table of ok, warn and fail; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from common import ports
from common.cards import DEVICES
from common.door import EXIT_FAILED, EXIT_OK, open_door
from common.names import printable
from launch.cards import VISIBLE, count_cards
from launch.request import JobRequest

_LEAST_BYTES = 1 << 30  # free space for checkpoints below which we warn
_LARGEST_SKEW = 2.0  # seconds
_NTP_EPOCH = 2_208_988_800  # 1970 in NTP's count of seconds from 1900
# CANN 8.5 and later first, then where it was before.
_CANN_HOMES = ("/usr/local/Ascend/cann", "/usr/local/Ascend/ascend-toolkit/latest", "/usr/local/Ascend/nnae/latest")


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    name: str
    state: str
    """ok, warn or fail"""
    details: str


def check(request: JobRequest, output: Path) -> list[Check]:
    """Run every check that applies to the job.

    Args:
        request: the job.
        output: folder on the disk that checkpoints go to.
    """
    checks = [_mindspore(), _cores(request), _disk(output)]
    if request.platform == "Ascend":
        checks += [_cann(), _driver(), _cards(request)]
    if request.world_size > 1:
        checks += [_port(request)]
    if request.nodes > 1:
        checks += [_master(request), _clock(request)]
    data = _data_path(request.arguments)
    if data is not None:
        checks.append(_data(data))
    return checks


def table(checks: Sequence[Check]) -> str:
    """Lay the checks out in columns."""
    width = max(len(item.name) for item in checks)
    return "\n".join(f"{item.state:4}  {item.name:{width}}  {item.details}" for item in checks)


def _mindspore() -> Check:
    if importlib.util.find_spec("mindspore") is None:
        return Check("mindspore", "fail", f"{sys.executable} has none; source launch/environment.sh")
    found = version("mindspore")
    return Check("mindspore", "ok" if found.startswith("2.10.") else "warn", f"{found} (made for 2.10)")


def _cores(request: JobRequest) -> Check:
    cores = len(os.sched_getaffinity(0))
    text = f"{cores} cores for {request.workers} process(es)"
    return Check("cores", "warn" if request.workers > cores else "ok", text)


def _disk(output: Path) -> Check:
    folder = next(path for path in (output, *output.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if not os.access(folder, os.W_OK):
        return Check("disk", "fail", f"{folder} is not writable")
    return Check("disk", "ok" if free >= _LEAST_BYTES else "warn", f"{free / 1e9:.1f} GB free at {folder}")


def _cann() -> Check:
    homes = (os.environ.get("ASCEND_HOME_PATH"), os.environ.get("ASCEND_TOOLKIT_HOME"), *_CANN_HOMES)
    for home in filter(None, homes):
        if Path(home).is_dir():
            return Check("CANN", "ok", f"{home}, version {_version_in(Path(home))}")
    return Check("CANN", "fail", "not found; install it and source its set_env.sh")


def _version_in(home: Path) -> str:
    for path in (home / "version.cfg", *home.glob("*-linux/ascend_toolkit_install.info"), home / "version.info"):
        if path.is_file():
            line = next((text for text in path.read_text().splitlines() if "ersion" in text), "")
            if "=" in line:
                return line.partition("=")[2].strip("[] ")
    return "unknown"


def _driver(path: Path = Path("/usr/local/Ascend/driver/version.info")) -> Check:
    if not path.is_file():
        return Check("NPU driver", "fail", f"{path} not found; install the driver and firmware")
    return Check("NPU driver", "ok", path.read_text().splitlines()[0])


def _cards(request: JobRequest, devices: Path = DEVICES) -> Check:
    count = count_cards(devices) or 0
    visible = request.devices or os.environ.get(VISIBLE)
    if visible:
        count = min(count, len(visible.split(",")))
    state = "ok" if count >= request.workers else "fail"
    return Check("cards", state, f"{count} visible, {request.workers} wanted (--workers)")


def _port(request: JobRequest) -> Check:
    port = request.master_port
    if request.node_rank > 0 or port is None or ports.is_free(port):
        return Check("port", "ok", "free" if port else "chosen when the job starts")
    state = "warn" if request.nodes == 1 else "fail"
    return Check("port", state, f"{port} is in use{'; another one is taken' if request.nodes == 1 else ''}")


def _master(request: JobRequest) -> Check:
    """Whether the master's address leads anywhere; its scheduler may not be up yet."""
    try:
        address = socket.gethostbyname(request.master_addr)
    except OSError as error:
        return Check("master", "fail", f"{request.master_addr}: {error.strerror}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError as error:
            return Check("master", "fail", f"{address}: {error.strerror}")
        own = probe.getsockname()[0]
    if request.node_rank == 0 and own != address:
        return Check("master", "fail", f"node 0 must run where {address} is; this machine is {own}")
    if request.node_rank > 0 and own == address:
        return Check("master", "fail", f"{address} is this machine, but this is node {request.node_rank}")
    return Check("master", "ok", f"{address}, from {own}")


def _clock(request: JobRequest) -> Check:
    """Compare clocks with node 0 by NTP, where it answers."""
    if request.node_rank == 0:
        return Check("clock", "ok", "this is node 0")
    try:
        skew = clock_skew(request.master_addr)
    except OSError:
        return Check(
            "clock", "warn", f"{request.master_addr} answers no NTP: clocks not compared (needed for logs only)"
        )
    return Check("clock", "ok" if abs(skew) < _LARGEST_SKEW else "warn", f"{skew:+.2f} s from node 0")


def clock_skew(host: str, port: int = 123, timeout: float = 1.0) -> float:
    """Ask a host's NTP server how far this clock is ahead, in seconds.

    Source: RFC 4330, section 5.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
        query.settimeout(timeout)
        sent = time.time()
        query.sendto(b"\x1b" + 47 * b"\0", (host, port))
        answer = query.recv(48)
        received = time.time()
    seconds, fraction = struct.unpack("!II", answer[40:48])
    return (sent + received) / 2 - (seconds - _NTP_EPOCH + fraction / 2**32)


def _data_path(arguments: Sequence[str]) -> Path | None:
    found = None
    for word, following in zip(arguments, [*arguments, ""][1:], strict=True):
        name, equals, value = word.lstrip("-").partition("=")
        if name in ("dataset_path", "data.path"):
            found = value if equals else following
    return Path(os.path.expanduser(found)) if found else None


def _data(path: Path) -> Check:
    readable = path.exists() and os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0))
    said = "" if readable else ": not there or not readable (public ones: python -m datazoo.fetch --help)"
    return Check("data", "ok" if readable else "fail", f"{printable(path)}{said}")


def main(argv: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m launch.preflight", description=__doc__)
    parser.add_argument("--platform", choices=("CPU", "Ascend"), default="CPU")
    for name, default in (("workers", 1), ("nodes", 1), ("node_rank", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--master_addr", default="127.0.0.1")
    parser.add_argument("--master_port", type=int)
    parser.add_argument("--output_dir", type=Path, default=Path("runs"))
    parser.add_argument("--dataset_path", type=Path)
    options = vars(parser.parse_args(list(argv)))
    output, data = options.pop("output_dir"), options.pop("dataset_path")
    arguments = ("--dataset_path", str(data)) if data else ()
    checks = check(JobRequest("train.py", arguments, **options), output.absolute())
    print(table(checks))
    return EXIT_FAILED if any(item.state == "fail" for item in checks) else EXIT_OK


if __name__ == "__main__":
    open_door(main)
