"""ModelArts, and Volcano jobs with the plug-ins `env` and `svc`: one launcher a container.

ModelArts runs on Volcano: VC_WORKER_HOSTS and VC_TASK_INDEX are Volcano's, MA_NUM_HOSTS and MA_NUM_GPUS (cards a node,
whatever their make) are its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from common.errors import LaunchError
from launch.schedulers.allocation import Allocation, needed, number


def allocation(environ: Mapping[str, str]) -> Allocation | None:
    """Describe the job of this container.

    Returns:
        None elsewhere.

    Raises:
        LaunchError: numbers and host list do not fit together.
    """
    hosts = [host.strip() for host in environ.get("VC_WORKER_HOSTS", "").split(",") if host.strip()]
    at_home = "MA_NUM_GPUS" in environ
    if not hosts and not at_home:
        return None
    hosts_said, pods_said = (number(name, environ, least=1) for name in ("MA_NUM_HOSTS", "VC_WORKER_NUM"))
    if hosts_said and pods_said and hosts_said != pods_said:
        raise LaunchError(f"MA_NUM_HOSTS={hosts_said} and VC_WORKER_NUM={pods_said}: one of them is of another job")
    nodes = hosts_said or pods_said or len(hosts) or 1
    if nodes > 1 and len(hosts) != nodes:
        raise LaunchError(f"VC_WORKER_HOSTS={','.join(hosts)}: {len(hosts)} host(s), but the job has {nodes}")
    return Allocation(
        "ModelArts" if at_home else "Volcano",
        nodes,
        needed("VC_TASK_INDEX", environ) if nodes > 1 else 0,
        hosts[0] if nodes > 1 else None,
        workers=number("MA_NUM_GPUS", environ, least=1),
    )
