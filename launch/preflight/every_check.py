"""All checks that apply to a job."""

from __future__ import annotations

from pathlib import Path

from launch.preflight import ascend, host, network
from launch.preflight.checks import Check, Machine
from launch.request import JobRequest


def check(
    request: JobRequest,
    output: Path,
    machine: Machine | None = None,
    *,
    wait: float = 10.0,
) -> list[Check]:
    """Run every check that applies to the job.

    Args:
        request: the job.
        output: folder that runs are written to.
        machine: what is looked at; None takes this one.
        wait: seconds to wait for the files of other nodes in the output folder.
    """
    machine = machine or Machine()
    checks = [host.mindspore_is_there(), host.packages_are_there(), host.cores(request), host.output_folder(output)]
    checks += [host.shared_memory(request, machine), host.open_files()]
    if request.platform == "Ascend":
        checks += ascend.every_check(request, machine)
    if request.world_size > 1:
        checks.append(network.scheduler_port(request))
    if request.nodes > 1:
        checks += [
            network.master(request),
            network.clock(request),
            network.folder_is_shared(request, output / "launch", wait),
        ]
    data = host.data_path(request.arguments)
    if data is not None:
        checks.append(host.data_is_readable(data))
    return checks
