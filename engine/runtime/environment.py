"""Environment variables that must stand before MindSpore's libraries are loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING

from common.cards import DEVICES, card_files
from common.environment import THREADS, check_numbers, whole_number
from common.launcher_protocol import note_start
from engine.runtime.cores import cores_of_rank, least_wanted
from engine.runtime.mpi import join_mpi, started_by_mpirun

if TYPE_CHECKING:
    from engine.config.runtime_section import RuntimeConfig

CPU_INFO = Path("/proc/cpuinfo")


def prepare_environment(
    config: RuntimeConfig,
    environ: MutableMapping[str, str] = os.environ,
    cpu_info: Path = CPU_INFO,
    devices: Path = DEVICES,
) -> list[str]:
    """Set what MindSpore reads when it is loaded; values that the user has set are kept.

    Args:
        config: the recipe's `runtime` section.
        environ: the environment to change.
        cpu_info: where the kernel describes the processor.
        devices: where the kernel lists Ascend cards.

    Returns:
        One line of text for each change that a user may want to know about.

    Raises:
        ConfigError: a variable that must be a number is none, or the launcher's folder cannot be written.
        RuntimeError: MindSpore is loaded already, so the changes would come too late.
    """
    if "mindspore" in sys.modules and environ is os.environ:
        raise RuntimeError("prepare_environment() must run before mindspore is imported")
    environ.setdefault("GLOG_v", "3")
    if config.threads:
        environ[THREADS] = str(config.threads)
    if config.graph_kernel_flags is not None:
        environ["MS_DEV_GRAPH_KERNEL_FLAGS"] = config.graph_kernel_flags
    check_numbers(environ)
    _let_idle_threads_sleep(environ)
    notes = _limit_threads(config, environ, devices)
    # On AVX-512 processors the oneDNN inside MindSpore 2.10 has no fast kernel for the plain layout that MindSpore
    # hands it and takes its reference convolution: 5 to 10 times slower a step (benchmarks/cpu_isa.py).
    if "ONEDNN_MAX_CPU_ISA" not in environ and "avx512f" in _cpu_flags(cpu_info):
        environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
        notes.append("AVX-512 processor: ONEDNN_MAX_CPU_ISA=AVX2 set, its convolutions are the faster ones here")
    if started_by_mpirun(environ):
        notes += join_mpi(environ)
    note_start()
    return notes


def _let_idle_threads_sleep(environ: MutableMapping[str, str]) -> None:
    """Keep OpenMP's threads, on which kernels/ computes, from spinning on the cores that MindSpore's threads need."""
    environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _limit_threads(config: RuntimeConfig, environ: Mapping[str, str], devices: Path) -> list[str]:
    """Keep this process on OMP_NUM_THREADS cores: MindSpore's own thread pool only heeds the cores it may run on.

    On Ascend the cores read pictures and feed the card, and clusters export OMP_NUM_THREADS=1 for reasons of their own.
    """
    cores = sorted(os.sched_getaffinity(0))
    threads = whole_number(THREADS, environ) or len(cores)
    if threads >= len(cores):
        return []
    if config.platform == "Ascend" or (config.platform == "auto" and card_files(devices)):
        return [f"{threads} compute thread(s): on Ascend that binds OpenMP only, all {len(cores)} core(s) stay in use"]
    ranks = (whole_number(name, environ) for name in ("RANK_ID", "OMPI_COMM_WORLD_RANK"))
    rank = next((number for number in ranks if number is not None), None)
    mine = least_wanted(cores, threads) if rank is None else cores_of_rank(cores, threads, rank)
    os.sched_setaffinity(0, mine)
    return [f"{threads} compute thread(s): this process keeps to core(s) {', '.join(map(str, mine))} of {len(cores)}"]


def _cpu_flags(cpu_info: Path) -> frozenset[str]:
    try:
        text = cpu_info.read_text()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in text.splitlines() if line.startswith("flags")), "").split())
