"""What all ranks must have in common before they train together."""

from __future__ import annotations

from common.errors import ConfigError
from datazoo.pictures import Splits
from engine.config import Config, dump_config
from engine.runtime.start import Runtime


def check_ranks_agree(runtime: Runtime, config: Config, splits: Splits) -> None:
    """Compare the recipe and the file list of every split over the ranks.

    Raises:
        ConfigError: on every rank, if one differs from the main rank.
    """
    if runtime.world_size == 1:
        return
    # The folder that the data lies in may differ between hosts; what lies in it may not.
    recipe = dump_config(config.model_copy(update={"data": config.data.model_copy(update={"path": None})}))
    _compare(runtime, "recipe", recipe)
    for split in splits:
        listing = f"{len(split)} pictures, list {split.file_list_hash()[:16]}"
        _compare(runtime, f"{split.split} split", listing, show=True)


def _compare(runtime: Runtime, what: str, value: str, show: bool = False) -> None:
    values = [part.decode() for part in runtime.gather(value.encode())]
    odd = [rank for rank, other in enumerate(values) if other != values[0]]
    if not odd:
        return
    ranks = ", ".join(map(str, odd))
    details = f"\nrank 0: {values[0]}; rank {odd[0]}: {values[odd[0]]}" if show else ""
    raise ConfigError(f"the {what} of rank {ranks} is not the main rank's: all ranks must read the same{details}")
