"""Kubernetes with MindCluster's ascend-operator: one launcher a pod.

Its MindSpore jobs get MS_* variables in every pod, if they have a Scheduler and a Worker replica; a job of a single
pod gets none. Source: component/ascend-operator/pkg/controllers/v1/env.go of Ascend/mind-cluster.
"""

from __future__ import annotations

from collections.abc import Mapping

from common.errors import LaunchError
from launch.schedulers.allocation import Allocation, needed, number


def allocation(environ: Mapping[str, str]) -> Allocation | None:
    """Describe the job of this pod.

    Returns:
        None where the operator has set nothing.

    Raises:
        LaunchError: a pod without cards, or numbers that are missing or do not fit together.
    """
    if "MS_LOCAL_WORKER" not in environ:  # MindSpore itself never reads it
        return None
    workers = number("MS_LOCAL_WORKER", environ) or 0
    ranks = needed("MS_WORKER_NUM", environ, least=1)
    if workers == 0:
        raise LaunchError(
            f"this pod has no cards (MS_LOCAL_WORKER=0, MS_ROLE={environ.get('MS_ROLE', '')}): every pod trains, so "
            "give the Scheduler replica as many as the Worker's, as launch/kubernetes/ascendjob_two_nodes.yaml does"
        )
    if ranks % workers:
        raise LaunchError(f"MS_WORKER_NUM={ranks} is no multiple of MS_LOCAL_WORKER={workers}: all pods must be alike")
    nodes = ranks // workers
    host = environ.get("MS_SCHED_HOST", "")
    if nodes > 1 and not host:
        raise LaunchError("environment variable MS_SCHED_HOST is missing: has the ascend-operator made this pod?")
    return Allocation(
        "Kubernetes",
        nodes,
        needed("MS_NODE_RANK", environ),
        host if nodes > 1 else None,
        number("MS_SCHED_PORT", environ, least=1, most=65535) if nodes > 1 else None,
        workers,
    )
