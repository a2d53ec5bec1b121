"""Jobs started by mpirun: MPI agrees on ranks and on an address, MindSpore's own cluster does the rest.

MindSpore's native MPI back end does not come up on a CPU (2.10), and its scheduler serves CPU and Ascend alike.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from common.environment import whole_number
from common.errors import RuntimeUnavailableError
from common.launcher_protocol import launcher_folder

# What Open MPI and MPICH (and its descendants) set in every process that they start.
_SIZE_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
_LAUNCHER_PREFIXES = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "HYDRA_")
_SCHEDULER_PATIENCE = 30.0  # seconds that the scheduler may take to end after its workers


def started_by_mpirun(environ: Mapping[str, str]) -> bool:
    """Whether this process is one of several that mpirun started, and msrun did not."""
    size = next((size for name in _SIZE_VARIABLES if (size := whole_number(name, environ))), 1)
    return size > 1 and "MS_ROLE" not in environ


def join_mpi(environ: MutableMapping[str, str]) -> list[str]:
    """Agree with the other ranks on who is who, start the scheduler on rank 0, and tell MindSpore by `environ`.

    MPI is finalised at once: with nothing of it left, a rank that fails can end without waiting for the others.

    Returns:
        One line for the user, from rank 0 only.

    Raises:
        RuntimeUnavailableError: mpirun and mpi4py are of different MPIs, so every process believes to be alone.
    """
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    name, said = next((name, size) for name in _SIZE_VARIABLES if (size := whole_number(name, environ)))
    if world.size != said:
        raise RuntimeUnavailableError(
            f"{name}={said}, but MPI counts {world.size} rank(s): mpi4py belongs to another MPI than mpirun; take "
            "--launcher msrun, or unset the variable if no mpirun has started this process"
        )
    hosts = world.allgather(socket.gethostname())
    local_rank = world.Split_type(MPI.COMM_TYPE_SHARED).rank
    address = world.bcast(_scheduler_address(hosts, environ) if world.rank == 0 else None)
    rank, size = world.rank, world.size
    MPI.Finalize()

    cluster = worker_variables(rank, size, local_rank, address)
    for name in [name for name in environ if name.startswith("OMPI_COMM_WORLD")]:
        del environ[name]  # MindSpore would otherwise warn of two launchers
    environ.update(cluster)
    if rank:
        _write_to_own_log(rank)
        return []
    _start_scheduler({**environ, "MS_ROLE": "MS_SCHED", "RANK_ID": "0"})
    return [f"mpirun: {size} ranks on {len(set(hosts))} host(s), MindSpore's scheduler at {address[0]}:{address[1]}"]


def worker_variables(rank: int, size: int, local_rank: int, address: tuple[str, int]) -> dict[str, str]:
    """Return what MindSpore's dynamic cluster wants to find in a worker's environment."""
    host, port = address
    return {
        "MS_ROLE": "MS_WORKER",
        "MS_WORKER_NUM": str(size),
        "MS_SCHED_HOST": host,
        "MS_SCHED_PORT": str(port),
        "MS_NODE_ID": str(rank),
        "RANK_ID": str(rank),
        "RANK_SIZE": str(size),
        "DEVICE_ID": str(local_rank),
    }


def _write_to_own_log(rank: int) -> None:
    """Keep a rank that a launcher started off the console, as msrun does."""
    if (folder := launcher_folder()) is not None:
        folder.mkdir(parents=True, exist_ok=True)
        log = os.open(folder / f"worker_{rank}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)


def _scheduler_address(hosts: list[str], environ: Mapping[str, str]) -> tuple[str, int]:
    others = [host for host in hosts if host != hosts[0]]
    host = environ.get("MS_SCHED_HOST") or (_address_towards(others[0]) if others else "127.0.0.1")
    if port := whole_number("MS_SCHED_PORT", environ):
        return host, port
    with socket.socket() as probe:
        probe.bind(("", 0))
        return host, probe.getsockname()[1]


def _address_towards(host: str) -> str:
    """Return this machine's address on the network that leads to `host`; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        address: str = probe.getsockname()[0]
        return address


def _start_scheduler(environ: Mapping[str, str]) -> None:
    clean = {name: value for name, value in environ.items() if not name.startswith(_LAUNCHER_PREFIXES)}
    folder = launcher_folder()
    log = (folder / "scheduler.log").open("w") if folder else None
    script = str(Path(__file__).with_name("scheduler.py"))
    scheduler = subprocess.Popen([sys.executable, script], env=clean, stdout=log, stderr=log)

    def reap() -> None:
        try:
            scheduler.wait(_SCHEDULER_PATIENCE)
        except subprocess.TimeoutExpired:
            scheduler.kill()
            scheduler.wait()

    atexit.register(reap)
