"""Device and rank, decided once at the start of a process."""

from __future__ import annotations

import logging
import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np

from engine.config.schema import AmpConfig, RuntimeConfig
from engine.errors import ConfigError

logger = logging.getLogger(__name__)


class RuntimeUnavailableError(ConfigError):
    """The device or the process group that was asked for is not there."""


@dataclass(frozen=True)
class Runtime:
    """Where this process runs and which of how many it is."""

    device: str
    rank: int = 0
    size: int = 1
    all_sum: Callable[[np.ndarray], np.ndarray] = field(default=lambda values: values, repr=False)
    barrier: Callable[[], None] = field(default=lambda: None, repr=False)

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and speaks on the console."""
        return self.rank == 0


def start_runtime(config: RuntimeConfig, seed: int) -> Runtime:
    """Choose the device, set graph mode, threads and seeds.

    Args:
        config: the recipe's `runtime` section.
        seed: seed of weights, dropout and data order.

    Raises:
        RuntimeUnavailableError: `platform: Ascend` without one, or `run_distribute` without a launcher.
    """
    device = _choose_device(config.platform)
    ms.set_context(mode=ms.GRAPH_MODE if config.mode == "graph" else ms.PYNATIVE_MODE)
    ms.set_device(device)
    if config.threads:
        ms.runtime.dispatch_threads_num(config.threads)
    if config.run_distribute and not os.environ.get("MS_ROLE"):
        raise RuntimeUnavailableError(
            "runtime.run_distribute is set, but this process was not started by msrun or mpirun: "
            "use launch/run_distribute_cpu.sh or launch/run_distribute_ascend.sh"
        )
    ms.set_seed(seed)
    return Runtime(device=device)


def check_amp(device: str, config: AmpConfig) -> None:
    """Refuse what the device cannot run and say what is slow on it.

    Raises:
        RuntimeUnavailableError: bfloat16 on a CPU, where MindSpore has no kernels for it.
    """
    if config.level == "O0" or device != "CPU":
        return
    if config.dtype == "bfloat16":
        raise RuntimeUnavailableError(
            "amp.dtype bfloat16: MindSpore has no bfloat16 convolution, matmul or BatchNorm on a CPU; "
            "use amp.dtype float16 (for debugging) or amp.level O0"
        )
    logger.warning(
        "amp.level %s on a CPU: float16 is emulated there and slower than O0; for debugging only", config.level
    )


def describe_environment(runtime: Runtime) -> dict[str, Any]:
    """Versions, commit, host and device, for the run folder."""
    from importlib.metadata import version

    repository = Path(__file__).resolve().parents[2]
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("mindspore", "numpy", "onnxruntime", "pillow", "pydantic")},
        "git_commit": _git(repository, "rev-parse", "HEAD"),
        "git_dirty": bool(_git(repository, "status", "--porcelain")),
        "host": platform.node(),
        "machine": platform.platform(),
        "cpu_count": os.cpu_count(),
        "device": runtime.device,
        "ranks": runtime.size,
        "variables": {
            name: os.environ[name] for name in ("ONEDNN_MAX_CPU_ISA", "OMP_NUM_THREADS") if name in os.environ
        },
    }


def _choose_device(wanted: str) -> str:
    if wanted == "CPU":
        return "CPU"
    if ms.hal.is_available("Ascend"):
        return "Ascend"
    looked_for = "MindSpore's Ascend plug-in with CANN's libge_runner.so and a visible NPU"
    if wanted == "Ascend":
        raise RuntimeUnavailableError(
            f"runtime.platform Ascend: not available. Looked for {looked_for}; found none.\n"
            "Source CANN's set_env.sh and check `npu-smi info`, or use --platform CPU"
        )
    logger.info("no Ascend found (looked for %s): using the CPU", looked_for)
    return "CPU"


def _git(repository: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
