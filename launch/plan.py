"""The exact processes that come of a request on this node."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.launcher_protocol import FOLDER_VARIABLE, worker_log
from launch.cards import VISIBLE
from launch.mpi import mpirun_command
from launch.request import JobRequest

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Process:
    """One process of the job: who it is, what it runs, what its environment adds."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]

    def __str__(self) -> str:
        variables = [f"{key}={shlex.quote(value)}" for key, value in sorted(self.environment.items())]
        return f"# {self.name}\n" + " \\\n  ".join(["env", *variables, shlex.join(self.command)])


@dataclass(frozen=True)
class Plan:
    """The command that starts this node's part of the job, and the processes that it starts."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    processes: tuple[Process, ...]
    log_dir: Path

    @property
    def ranks(self) -> int:
        """How many of the processes are ranks."""
        return sum(process.environment.get("MS_ROLE") != "MS_SCHED" for process in self.processes)

    @property
    def starts_ranks(self) -> bool:
        """Whether the command is msrun or mpirun, and not the only rank itself."""
        return self.command[0] in ("msrun", "mpirun")

    def __str__(self) -> str:
        start = Process("started on this node", self.command, self.environment)
        return "\n".join(map(str, (start, *self.processes)))


def make_plan(request: JobRequest, log_dir: Path, port: int, environ: Mapping[str, str] = os.environ) -> Plan:
    """Lay out commands and environments; nothing is started.

    Args:
        request: what was asked for.
        log_dir: where every rank's output goes.
        port: of MindSpore's scheduler.
        environ: the user's environment, whose settings win.
    """
    environment = _shared_environment(request, log_dir, environ)
    worker = ("python", str(ROOT / request.door), *request.arguments)
    if request.world_size == 1:
        command = (sys.executable, *worker[1:])
        return Plan(command, environment, (Process("rank 0", command, environment),), log_dir)
    cluster = {
        "MS_WORKER_NUM": str(request.world_size),
        "MS_SCHED_HOST": request.master_addr,
        "MS_SCHED_PORT": str(port),
        "RANK_SIZE": str(request.world_size),
        **({"RANK_TABLE_FILE": str(request.rank_table)} if request.rank_table else {}),
    }
    processes = [
        Process(
            f"rank {rank}, output in {worker_log(log_dir, rank)}",
            worker,
            {
                **environment,
                **cluster,
                "MS_ROLE": "MS_WORKER",
                "MS_NODE_ID": str(rank),
                "RANK_ID": str(rank),
                "DEVICE_ID": str(rank % request.workers),
            },
        )
        for rank in request.local_ranks
    ]
    if request.node_rank == 0:
        scheduler = {**environment, **cluster, "MS_ROLE": "MS_SCHED", "RANK_ID": "0"}
        processes.insert(0, Process(f"scheduler, output in {log_dir / 'scheduler.log'}", worker, scheduler))
    if request.launcher == "mpirun":
        command = mpirun_command(request, worker, environment, environ)
        return Plan(command, environment, tuple(processes), log_dir)
    command = (
        "msrun",
        f"--worker_num={request.world_size}",
        f"--local_worker_num={request.workers}",
        f"--node_rank={request.node_rank}",
        f"--master_addr={request.master_addr}",
        f"--master_port={port}",
        f"--cluster_time_out={request.cluster_timeout}",
        f"--log_dir={log_dir}",
        "--join=True",
        "--tail_worker_log=0",
        *(("--bind_core=True",) if request.bind_cores else ()),
        *((f"--rank_table_file={request.rank_table}",) if request.rank_table else ()),
        *worker[1:],
    )
    return Plan(command, environment, tuple(processes), log_dir)


def _shared_environment(request: JobRequest, log_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what every process gets beside the user's environment."""
    values = {
        FOLDER_VARIABLE: str(log_dir),
        "PATH": _path_with(Path(sys.executable).parent, environ.get("PATH", "")),
        "GLOG_v": "3",
    }
    if request.world_size > 1:
        values["MS_TOPO_TIMEOUT"] = str(request.cluster_timeout)
    if request.platform == "Ascend":
        # Ranks that compile longer than others must not be taken for dead.
        values |= {"HCCL_CONNECT_TIMEOUT": "600"}
        if request.devices:
            values[VISIBLE] = request.devices
    elif request.world_size > 1:
        values["OMP_NUM_THREADS"] = str(max(1, len(os.sched_getaffinity(0)) // request.workers))
    ours = ("PATH", FOLDER_VARIABLE, VISIBLE, "MS_TOPO_TIMEOUT")
    return {name: value for name, value in values.items() if name in ours or name not in environ}


def _path_with(folder: Path, path: str) -> str:
    """Put this interpreter first: msrun starts whatever `python` the path leads to."""
    return path if path.split(":")[0] == str(folder) else f"{folder}:{path}"
