"""How a device computes: compilation and determinism; what a device does not have is refused."""

from __future__ import annotations

import logging
import os

import mindspore as ms
from mindspore import nn

from common.errors import RuntimeUnavailableError
from engine.config.runtime_section import RuntimeConfig

logger = logging.getLogger(__name__)


def prepare_compute(config: RuntimeConfig, device: str) -> None:
    """Set what counts for the whole process; before the ranks join, since their all-reduce is told too.

    Args:
        config: the recipe's `runtime` section.
        device: `CPU` or `Ascend`.

    Raises:
        RuntimeUnavailableError: the recipe asks for what the device does not have.
    """
    if device == "CPU":
        if config.jit_level in ("O1", "O2"):
            what = "fused kernels" if config.jit_level == "O1" else "graph engine"
            raise RuntimeUnavailableError(
                f"runtime.jit_level {config.jit_level}: MindSpore has no {what} on a CPU and would pass it over in "
                "silence; use runtime.jit_level null, or put it into the recipe's ascend: section"
            )
        if config.deterministic:
            logger.info("runtime.deterministic: a CPU computes so anyway, nothing was switched")
        return
    if config.jit_level == "O2":
        logger.warning("runtime.jit_level O2: deprecated by MindSpore 2.9 and later; O1 is what replaces it")
    if config.deterministic:
        users = os.environ.get("HCCL_DETERMINISTIC", "true")
        if users not in ("true", "strict"):
            logger.warning("HCCL_DETERMINISTIC=%s becomes true: runtime.deterministic is on", users)
        ms.set_deterministic(True)  # sets HCCL_DETERMINISTIC and TE_PARALLEL_COMPILER, and keeps `strict`
        logger.info("runtime.deterministic: on, HCCL_DETERMINISTIC=%s", os.environ.get("HCCL_DETERMINISTIC"))


def use_jit_level(cell: nn.Cell, config: RuntimeConfig) -> None:
    """Have a cell that MindSpore calls compiled at the recipe's `runtime.jit_level`."""
    if config.jit_level is not None:
        cell.set_jit_config(ms.JitConfig(jit_level=config.jit_level))
