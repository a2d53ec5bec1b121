"""Which scheduler has started this process, and what it gave the job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from common.errors import LaunchError
from launch.schedulers import kubernetes, rank_table, slurm, volcano
from launch.schedulers.allocation import Allocation


def find_allocation(
    environ: Mapping[str, str], table: Path | None = None, node_rank: int | None = None, tables: bool = True
) -> Allocation | None:
    """Read what the scheduler has written into the environment.

    A rank table named on the command line comes first, one in the environment last: schedulers that write one also set
    variables of their own, which say more.

    Args:
        environ: the environment.
        table: `--rank_table_file`.
        node_rank: `--node_rank`.
        tables: whether a rank table in the environment counts.

    Returns:
        None where no scheduler is known.

    Raises:
        LaunchError: what it has written does not fit together.
    """
    if table is not None:
        return rank_table.allocation(table, environ, node_rank)
    for scheduler in (slurm, kubernetes, volcano):
        if (found := scheduler.allocation(environ)) is not None:
            if found.node_rank >= found.nodes:
                raise LaunchError(
                    f"{found.scheduler}'s variables say that this is node {found.node_rank} of {found.nodes}, and they "
                    f"count from 0 to {found.nodes - 1}; are they of another job? --scheduler none reads none of them"
                )
            return found
    if tables and (named := environ.get(rank_table.FILE_VARIABLE, "").strip()):
        return rank_table.allocation(Path(named), environ, node_rank)
    return None
