"""What several nodes need of each other: a port, an address, a clock, a folder."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from pathlib import Path

from common import ports
from common.names import printable
from launch.preflight.checks import Check
from launch.request import JobRequest

_LARGEST_SKEW = 2.0  # seconds
_NTP_EPOCH = 2_208_988_800  # 1970 in NTP's count of seconds from 1900
_FRESH = 600.0  # seconds; an older file is another job's


def scheduler_port(request: JobRequest) -> Check:
    """The port of MindSpore's scheduler, on node 0."""
    port = request.master_port
    if request.node_rank > 0 or port is None or ports.is_free(port):
        return Check("port", "ok", "free" if port else "chosen when the job starts")
    if request.nodes == 1:
        return Check("port", "warn", f"{port} is in use", "another one is taken")
    return Check("port", "fail", f"{port} is in use", "give another --master_port on all nodes")


def master(request: JobRequest) -> Check:
    """Whether the master's address leads anywhere; its scheduler may not be up yet."""
    try:
        address = socket.gethostbyname(request.master_addr)
    except OSError as error:
        return Check(
            "master",
            "fail",
            f"{request.master_addr}: {error.strerror}",
            "give --master_addr as an IPv4 address of node 0, or a name that leads to one",
        )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError as error:
            return Check("master", "fail", f"{address}: {error.strerror}", "look at the route to node 0: ip route get")
        own = probe.getsockname()[0]
    if request.node_rank == 0 and own != address:
        return Check(
            "master", "fail", f"node 0 must run where {address} is; this machine is {own}", "give --node_rank 1 or more"
        )
    if request.node_rank > 0 and own == address:
        return Check(
            "master", "fail", f"{address} is this machine, but this is node {request.node_rank}", "--node_rank 0"
        )
    return Check("master", "ok", f"{address}, from {own}")


def clock(request: JobRequest) -> Check:
    """Compare clocks with node 0 by NTP, where it answers."""
    if request.node_rank == 0:
        return Check("clock", "ok", "this is node 0")
    try:
        skew = clock_skew(request.master_addr)
    except OSError:
        return Check("clock", "ok", f"not compared: {request.master_addr} answers no NTP (needed for logs only)")
    text = f"{skew:+.2f} s from node 0"
    if abs(skew) >= _LARGEST_SKEW:
        return Check("clock", "warn", text, "start chronyd or ntpd: logs of several nodes will not line up")
    return Check("clock", "ok", text)


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


def folder_is_shared(request: JobRequest, folder: Path, wait: float) -> Check:
    """Whether all nodes see one output folder: each leaves a file there and looks for the others'.

    Args:
        request: the job.
        folder: made if it is not there.
        wait: seconds to wait for nodes that start later.
    """
    own = folder / f"preflight_node_{request.node_rank}"
    others = {rank: folder / f"preflight_node_{rank}" for rank in range(request.nodes) if rank != request.node_rank}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        own.write_text(socket.gethostname())
    except OSError as error:
        return Check(
            "shared folder",
            "fail",
            f"{printable(folder)}: {error.strerror}",
            "choose an --output_dir that all can write",
        )
    until = time.monotonic() + wait
    while (missing := [rank for rank, path in others.items() if not _is_fresh(path)]) and time.monotonic() < until:
        time.sleep(0.2)
    if missing:
        nodes = ", ".join(map(str, missing))
        return Check(
            "shared folder",
            "warn",
            f"{printable(folder)}: no word of node {nodes} within {wait:.0f} s",
            "if they have started, it is a folder of this node's own: put --output_dir on a file system that all nodes "
            "mount, or a resumed job finds no checkpoint there",
        )
    return Check("shared folder", "ok", f"{printable(folder)}: seen by all {request.nodes} nodes")


def _is_fresh(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return abs(time.time() - path.stat().st_mtime) < _FRESH
    return False
