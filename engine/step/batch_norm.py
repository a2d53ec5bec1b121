"""BatchNorm's running statistics, which every rank gathers from its own part of the data."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
from mindspore import nn

from engine.runtime.parameters import assign
from engine.runtime.start import Runtime
from netzoo.replace import replace_cell

logger = logging.getLogger(__name__)

_KEY = "batch_norm_of_rank_"


class BatchNormStatistics:
    """Makes the statistics of all ranks one before a network is evaluated or saved.

    Args:
        network: the network.
        mode: the recipe's `train.bn_sync`; where it is not `average`, the main rank's statistics count.
        runtime: the ranks.
    """

    def __init__(self, network: nn.Cell, mode: str, runtime: Runtime) -> None:
        self._averages = mode == "average"
        self._runtime = runtime
        self._parameters = [p for p in network.get_parameters() if p.name.endswith(("moving_mean", "moving_variance"))]
        if runtime.world_size > 1 and self._parameters:
            what = "averaged over the ranks" if self._averages else "those of the main rank"
            logger.info("BatchNorm statistics in evaluation and checkpoints: %s (train.bn_sync %s)", what, mode)

    def unite(self) -> None:
        """Give every rank the same statistics."""
        if self._runtime.world_size == 1 or not self._parameters:
            return
        ranks = self._runtime.gather_array(self._values())
        self._assign(np.mean(ranks, axis=0, dtype=np.float64) if self._averages else ranks[0])

    def state(self) -> dict[str, np.ndarray]:
        """What each rank needs to go on inside an epoch, where statistics are not united."""
        if self._runtime.world_size == 1 or not self._averages or not self._parameters:
            return {}
        return {f"{_KEY}{rank}": values for rank, values in enumerate(self._runtime.gather_array(self._values()))}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take this rank's statistics back, if they were saved apart."""
        own = arrays.get(f"{_KEY}{self._runtime.rank}")
        if own is not None:
            self._assign(own)

    def _values(self) -> np.ndarray:
        return np.concatenate([p.asnumpy().ravel() for p in self._parameters])

    def _assign(self, values: np.ndarray) -> None:
        start = 0
        for parameter in self._parameters:
            size = int(np.prod(parameter.shape))
            assign(parameter, values[start : start + size].reshape(parameter.shape).astype(np.float32))
            start += size


def use_sync_batch_norm(network: nn.Cell) -> None:
    """Replace every BatchNorm2d that is not frozen by SyncBatchNorm, with the same parameters."""
    replaced = 0
    for _, parent in list(network.cells_and_names()):
        for name, cell in list(parent.name_cells().items()):
            if isinstance(cell, nn.BatchNorm2d) and cell.use_batch_statistics is not False:
                replace_cell(parent, name, _synchronised(cell))
                replaced += 1
    logger.info("%d BatchNorm layers compute their statistics over all ranks", replaced)


def _synchronised(cell: nn.BatchNorm2d) -> nn.Cell:
    layer = nn.SyncBatchNorm(cell.num_features, eps=cell.eps, momentum=1.0 - cell.momentum)
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        setattr(layer, name, getattr(cell, name))
    return layer
