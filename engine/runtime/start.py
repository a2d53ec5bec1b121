"""Device and rank, decided once at the start of a process."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.cards import card_files
from common.environment import whole_number
from common.errors import JoinError, RuntimeUnavailableError
from common.log import log_to_console, mute_console
from common.signals import ending_at_once
from engine.config.optimizer_section import AmpConfig
from engine.config.runtime_section import RuntimeConfig
from engine.runtime.ascend import describe_ascend
from engine.runtime.peers import naming_lost_ranks

if TYPE_CHECKING:
    from mindspore import nn

logger = logging.getLogger(__name__)

_NPUS = "/dev/davinci[0-9]*"


@dataclass(frozen=True)
class Runtime:
    """Where this process runs and which of how many it is.

    Every method that takes part in a conversation of the ranks must be called by all of them, in the same order.
    """

    device: str
    rank: int = 0
    world_size: int = 1
    gather: Callable[[bytes], list[bytes]] = field(default=lambda content: [content], repr=False)
    """Every rank's bytes, in rank order."""

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and speaks on the console."""
        return self.rank == 0

    def gather_array(self, values: np.ndarray) -> list[np.ndarray]:
        """Every rank's array, in rank order; all have the same shape and dtype."""
        parts = self.gather(np.ascontiguousarray(values).tobytes())
        return [np.frombuffer(part, values.dtype).reshape(values.shape) for part in parts]

    def all_sum(self, values: np.ndarray) -> np.ndarray:
        """Sum a float64 array over the ranks, in rank order, so that all get the same bits."""
        total: np.ndarray = np.sum(self.gather_array(np.asarray(values, np.float64)), axis=0)
        return total

    def from_main(self, text: str) -> str:
        """The main rank's text."""
        return self.gather(text.encode() if self.is_main else b"")[0].decode()

    def barrier(self) -> None:
        """Wait for all ranks."""
        self.gather(b"")

    def broadcast(self, cell: nn.Cell) -> None:
        """Give every rank the main rank's parameters."""
        if self.world_size > 1:
            from engine.runtime.collectives import broadcast_parameters

            broadcast_parameters(cell)


def enter(config: RuntimeConfig, seed: int, notes: Sequence[str], *, may_be_light: bool = False) -> Runtime:
    """Begin a job: console, device, ranks; only the main rank speaks on the console.

    Args:
        config: the recipe's `runtime` section.
        seed: seed of weights, dropout and data order.
        notes: lines for the user, from `prepare_environment`.
        may_be_light: leave MindSpore, which takes a second to load, to `start_runtime` if this is one process on a CPU.
    """
    log_to_console()
    for note in notes:
        print(note)
    if may_be_light and _is_alone_on_cpu(config):
        return Runtime("CPU")
    runtime = start_runtime(config, seed)
    if not runtime.is_main:
        mute_console()
    return runtime


def _is_alone_on_cpu(config: RuntimeConfig) -> bool:
    if "MS_ROLE" in os.environ or config.run_distribute or config.platform == "Ascend":
        return False
    return config.platform == "CPU" or not glob(_NPUS)


def start_runtime(config: RuntimeConfig, seed: int) -> Runtime:
    """Choose the device, set graph mode, threads and seeds, and join the other processes if there are any.

    In msrun's scheduler process this returns never: it ends with the job.

    Args:
        config: the recipe's `runtime` section.
        seed: seed of weights, dropout and data order.

    Raises:
        RuntimeUnavailableError: `platform: Ascend` without one, `run_distribute` without a launcher, or what the
            device does not have.
    """
    import mindspore as ms  # here: who has a light start may never need it

    from engine.runtime.compute import prepare_compute

    distributed = "MS_ROLE" in os.environ
    if config.run_distribute and not distributed:
        raise RuntimeUnavailableError(
            "runtime.run_distribute is set, but this process was not started by msrun or mpirun: "
            "use launch/run_distribute_cpu.sh or launch/run_distribute_ascend.sh"
        )
    device = _choose_device(config.platform)
    ms.set_context(mode=ms.GRAPH_MODE if config.mode == "graph" else ms.PYNATIVE_MODE)
    if device == "Ascend" and not distributed:
        card = whole_number("DEVICE_ID", os.environ) if config.device_id is None else config.device_id
        ms.set_device(device, card or 0)
    else:  # the launcher has given each rank its own card
        ms.set_device(device)
    prepare_compute(config, device)
    if config.threads:
        # A second thread that hands operators out spins on a core that the kernels' own threads compute on.
        ms.runtime.dispatch_threads_num(1 if device == "CPU" and config.kernels else config.threads)
    runtime = _join_ranks(device) if distributed else Runtime(device)
    ms.set_seed(seed)
    return runtime


def _join_ranks(device: str) -> Runtime:
    from mindspore.communication import get_group_size, get_rank, init

    from engine.runtime.collectives import all_gather

    master = f"{os.environ.get('MS_SCHED_HOST')}:{os.environ.get('MS_SCHED_PORT')}"
    role = os.environ.get("MS_ROLE", "")
    if role == "MS_WORKER" and os.environ.get("RANK_ID", "0") == "0":
        count, wait = (os.environ.get(name, "?") for name in ("MS_WORKER_NUM", "MS_TOPO_TIMEOUT"))
        print(f"waiting for {count} rank(s) at {master}, for {wait} s at the most (MS_ROLE={role})", flush=True)
    # A rank has nothing to save yet, and MindSpore keeps the interpreter; the scheduler is in there for the whole job.
    waiting = contextlib.nullcontext() if role == "MS_SCHED" else ending_at_once()
    try:
        with waiting:
            init()
    except RuntimeError as error:
        if role == "MS_SCHED":
            raise JoinError(
                f"MindSpore's scheduler at {master} has ended: not all ranks came in time, or one of them was lost"
            ) from error
        raise JoinError(
            f"rank {os.environ.get('RANK_ID', '?')} on {platform.node()} could not join the job at {master}: is that "
            "the first node's address, is the port free there and open to here, did every node start its ranks, with "
            "the same --nodes and --workers?"
        ) from error
    rank, size = get_rank(), get_group_size()

    def gather(content: bytes) -> list[bytes]:
        with naming_lost_ranks(rank, size):
            return all_gather(content)

    runtime = Runtime(device, rank, size, gather)
    logger.info("rank %d of %d on %s", runtime.rank, runtime.world_size, platform.node())
    return runtime


def check_device(device: str, config: AmpConfig, bn_sync: str) -> None:
    """Refuse what the device cannot run and say what is slow on it.

    Raises:
        RuntimeUnavailableError: bfloat16 or SyncBatchNorm on a CPU, where MindSpore has no kernels for them.
    """
    if device != "CPU":
        return
    if bn_sync == "sync":
        raise RuntimeUnavailableError(
            "train.bn_sync sync: MindSpore has no SyncBatchNorm on a CPU; use train.bn_sync average"
        )
    if config.level == "O0":
        return
    if config.dtype == "bfloat16":
        raise RuntimeUnavailableError(
            "amp.dtype bfloat16: MindSpore has no bfloat16 convolution, matmul or BatchNorm on a CPU; "
            "use amp.dtype float16 (for debugging) or amp.level O0"
        )
    logger.warning(
        "amp.level %s on a CPU: float16 is emulated there and slower than O0; for debugging only", config.level
    )


def describe_environment(runtime: Runtime) -> dict[str, object]:
    """Versions, commit, host and device, for the run folder."""
    from importlib.metadata import version

    return {
        "command": [Path(sys.executable).name, *sys.argv],
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("mindspore", "numpy", "onnxruntime", "pillow", "pydantic")},
        "git_commit": git_commit(),
        "git_dirty": bool(_git("status", "--porcelain")),
        "host": platform.node(),
        "machine": platform.platform(),
        "cpu_count": os.cpu_count(),
        "device": runtime.device,
        "ranks": runtime.world_size,
        **({"ascend": describe_ascend(os.environ)} if runtime.device == "Ascend" else {}),
        "variables": {
            name: os.environ[name] for name in ("ONEDNN_MAX_CPU_ISA", "OMP_NUM_THREADS") if name in os.environ
        },
    }


def git_commit() -> str | None:
    """Hash of the project's commit; None where it is no git repository."""
    return _git("rev-parse", "HEAD")


def _choose_device(wanted: str) -> str:
    if wanted == "CPU":
        return "CPU"
    import mindspore as ms

    if ms.device_context.ascend.is_available():
        return "Ascend"
    looked_for = "MindSpore's Ascend plug-in with CANN's libge_runner.so and a visible NPU"
    if wanted == "Ascend":
        raise RuntimeUnavailableError(
            f"runtime.platform Ascend: not available. Looked for {looked_for}; found none.\n"
            "Source CANN's set_env.sh and check `npu-smi info`, or use --platform CPU"
        )
    if cards := len(card_files()):
        logger.warning(
            "%d NPU(s) are here, but MindSpore cannot use them (looked for %s): using the CPU; source CANN's "
            "set_env.sh, or say --platform CPU, which also leaves the recipe's ascend: section out",
            cards,
            looked_for,
        )
    else:
        logger.info("no Ascend found (looked for %s): using the CPU", looked_for)
    return "CPU"


def _git(*arguments: str) -> str | None:
    repository = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
