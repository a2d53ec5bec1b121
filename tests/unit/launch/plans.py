"""Requests and plans of an Ascend node, to test with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from launch.flags import parse_flags
from launch.plan import make_plan
from launch.request import JobRequest
from launch.resolve import resolve

LOGS = Path("/logs")
ASCEND = ("--platform", "Ascend", "--scheduler", "auto", "--cards_per_node", "16")


def request(environ: Mapping[str, str], *flags: str) -> tuple[JobRequest, list[str]]:
    options, arguments = parse_flags([*ASCEND, *flags])
    return resolve(options, arguments, environ)


def processes(environ: Mapping[str, str], *flags: str) -> list[dict[str, str]]:
    """The environment that each process of this node gets, without the PATH."""
    wanted, _ = request(environ, *flags)
    made = make_plan(wanted, LOGS, wanted.master_port or 8118, environ)
    return [{name: value for name, value in item.environment.items() if name != "PATH"} for item in made.processes]


def expected(host: str, port: int, ranks: Sequence[int], size: int, cards: int, **more: str) -> list[dict[str, str]]:
    """MindSpore's scheduler, if rank 0 is here, and a worker for each rank."""
    common = {
        "LAUNCH_LOG_DIR": "/logs", "GLOG_v": "3", "HCCL_CONNECT_TIMEOUT": "600", "MS_WORKER_NUM": str(size),
        "MS_SCHED_HOST": host, "MS_SCHED_PORT": str(port), "MS_TOPO_TIMEOUT": "600", "RANK_SIZE": str(size), **more,
    }  # fmt: skip
    scheduler = [{**common, "MS_ROLE": "MS_SCHED", "RANK_ID": "0"}] if ranks[0] == 0 else []
    return scheduler + [
        {
            **common, "MS_ROLE": "MS_WORKER", "MS_NODE_ID": str(rank), "RANK_ID": str(rank),
            "DEVICE_ID": str(rank % cards),
        }
        for rank in ranks
    ]  # fmt: skip
