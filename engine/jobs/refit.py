"""The solved head that a run keeps, solved once more: on train, and on the val split that was only held out of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mindspore import nn

from common.names import printable
from datazoo.features.cache import joined
from datazoo.pictures import Splits
from engine.config import Config
from engine.jobs.feed import FeatureSource
from engine.jobs.solved_head import solve_head
from engine.run.checkpoint import CheckpointStore
from engine.runtime.parameters import values_of
from engine.runtime.start import Runtime

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refit:
    """Solves the head again once val is scored.

    Args:
        config: the recipe.
        splits: train and val.
        network: with the head that was scored.
        runtime: device and rank.
        store: writes the new checkpoint; None on ranks that do not write.
    """

    config: Config
    splits: Splits
    network: nn.Cell
    runtime: Runtime
    store: CheckpointStore | None

    @property
    def pictures(self) -> Mapping[str, int]:
        """Number of pictures that the head is solved on, by split."""
        return {"train": len(self.splits.train), "val": len(self.splits.val)}

    def keep(self, scored: Path) -> None:
        """Solve the head on train and val, and make it the run's best checkpoint; every rank takes part.

        Args:
            scored: the checkpoint that val was evaluated with.
        """
        source = FeatureSource(self.config, self.network.pooled_backbone, self.runtime)
        views = self.config.data.features.views
        features = [source.of(part, views) for part in (self.splits.train, self.splits.val)]
        solve_head(self.network, self.config.finetune, joined(features))
        self.runtime.broadcast(self.network)
        if self.store is None:
            return
        target = self.store.save_refit(values_of(self.network.get_parameters()), scored)
        print(
            f"refit: the head is solved again on {len(self.splits.train)} train + {len(self.splits.val)} val pictures "
            f"and kept ({printable(target.name)}); val's score is that of the head before"
        )


def make_refit(
    config: Config, splits: Splits, network: nn.Cell, runtime: Runtime, store: CheckpointStore | None
) -> Refit | None:
    """The refit of a recipe; None where it asks for none, or for one that cannot be, which is said."""
    finetune = config.finetune
    if not finetune.refit_on_val:
        return None
    obstacles = {
        "the data bring a val split of their own": "val" not in splits.made,
        "the head is trained": config.train.epochs > 0 or finetune.lora.enabled,
        "no solved head on cached features of a frozen backbone": not (
            finetune.solves_head and finetune.freeze_layer == "backbone" and config.data.features.enabled
        ),
    }
    if reasons := [reason for reason, holds in obstacles.items() if holds]:
        logger.info("finetune.refit_on_val: no refit: %s", "; ".join(reasons))
        return None
    return Refit(config, splits, network, runtime, store)
