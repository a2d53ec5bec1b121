"""SLURM: one launcher a node, started by `srun --ntasks-per-node=1` (launch/slurm.sbatch does).

The variables are those of srun(1) and sbatch(1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from common.errors import LaunchError
from launch.schedulers.allocation import Allocation, needed, number

# Jobs that share a node must not meet on a port; each restart inside a job takes the next one.
_FIRST_PORT, _PORTS = 20000, 1000
_PORTS_PER_JOB = 10
_PART = re.compile(r"\[([^\]]*)\]|([^,\[]+)|(,)")
_HOW = "srun --ntasks-per-node=1 bash launch/run_distribute_ascend.sh ... (launch/slurm.sbatch does)"


def allocation(environ: Mapping[str, str]) -> Allocation | None:
    """Describe the job of this step, or of this batch script where it has one node.

    Returns:
        None outside SLURM.

    Raises:
        LaunchError: several tasks on a node, or a batch script that reaches the first of its nodes only.
    """
    job = number("SLURM_JOB_ID", environ)
    if job is None:
        return None
    restarts = number("SLURM_RESTART_COUNT", environ) or 0
    if not environ.get("SLURM_STEP_ID"):
        if (nodes := number("SLURM_JOB_NUM_NODES", environ) or number("SLURM_NNODES", environ) or 1) > 1:
            raise LaunchError(
                f"SLURM job of {nodes} nodes: this is its batch script, on one of them; use {_HOW}, or --scheduler none"
            )
        return Allocation("SLURM", restarts=restarts)
    nodes = needed("SLURM_STEP_NUM_NODES", environ, least=1)
    tasks = needed("SLURM_STEP_NUM_TASKS", environ, least=1)
    if tasks != nodes:
        raise LaunchError(
            f"SLURM step of {tasks} tasks on {nodes} node(s): the launcher starts a node's ranks itself; use {_HOW}"
        )
    names = list(expand(environ.get("SLURM_STEP_NODELIST", "")))
    if len(names) != nodes:
        raise LaunchError(
            f"SLURM_STEP_NODELIST={environ.get('SLURM_STEP_NODELIST', '')}: {len(names)} name(s), "
            f"but SLURM_STEP_NUM_NODES={nodes}"
        )
    return Allocation(
        "SLURM",
        nodes,
        needed("SLURM_NODEID", environ),
        names[0] if nodes > 1 else None,
        _FIRST_PORT + job % _PORTS * _PORTS_PER_JOB if nodes > 1 else None,
        restarts=restarts,
    )


def expand(node_list: str) -> Iterator[str]:
    """Write out a node list, as `scontrol show hostnames` does.

    Args:
        node_list: such as `n[1-3,07],login`; several brackets in a name count like the digits of a number.

    Raises:
        LaunchError: a bracket that holds something else than numbers and ranges of them.
    """
    names = [""]
    for inside, text, comma in _PART.findall(node_list.strip()):
        if comma:
            yield from filter(None, names)
            names = [""]
        elif text:
            names = [name + text for name in names]
        else:
            numbers = [number for part in inside.split(",") for number in _range(part, node_list)]
            names = [name + number for name in names for number in numbers]
    yield from filter(None, names)


def _range(part: str, node_list: str) -> list[str]:
    first, dash, last = part.strip().partition("-")
    last = last if dash else first
    if not (first.isdigit() and last.isdigit() and int(first) <= int(last)):
        raise LaunchError(f"SLURM node list {node_list}: [{part}] is no number and no range")
    return [f"{value:0{len(first)}d}" for value in range(int(first), int(last) + 1)]
