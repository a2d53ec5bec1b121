"""What to do about input that training waited for: what this run can do, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator

from datazoo.pictures import PictureSet
from datazoo.pipeline.reduce import decoded_bytes
from engine.config.data_section import DataConfig
from engine.config.schema import Config
from engine.run.time_budget import TimeBudget

HINT_ABOVE = 0.1  # share of the time
_SMALL_WAIT = 0.005  # seconds a step: handing a batch over takes that, whatever is in it
_SLOW_CHANGES = ("randaugment", "rotation", "color_jitter", "shift")


def input_hint(
    budget: TimeBudget, steps: int, config: Config, train: PictureSet, cores: int | None = None
) -> str | None:
    """Return one line with remedies; None where the wait is no matter, or nothing can be done.

    Args:
        budget: of this process.
        steps: that it made.
        config: the recipe.
        train: what was trained on.
        cores: of this process; None counts them.
    """
    waited = budget.input_wait or 0.0
    share = waited / budget.total if budget.total else 0.0
    if share <= HINT_ABOVE or waited / max(1, steps) < _SMALL_WAIT:
        return None
    remedies = list(_remedies(config, train, cores or len(os.sched_getaffinity(0))))
    return f"hint: training waited for input in {share:.0%} of the time: {'; or '.join(remedies)}" if remedies else None


def _remedies(config: Config, train: PictureSet, cores: int) -> Iterator[str]:
    data = config.data
    if data.features.enabled:
        return  # they are in memory, and only handed over
    if data.workers is not None and data.workers < cores:
        yield f"raise data.workers ({data.workers}; there are {cores} cores)"
    if config.finetune.freeze_layer != "none":
        yield "set data.features.enabled: what frozen layers make of a picture is then computed once"
    if train.files is not None and data.augmentation.random_resized_crop:
        yield from _of_crops(data, train)
    if slow := [key for key in _SLOW_CHANGES if getattr(data.augmentation, key)]:
        yield f"draw less in data.augmentation ({', '.join(slow)})"


def _of_crops(data: DataConfig, train: PictureSet) -> Iterator[str]:
    reduce_to = data.augmentation.reduce_to
    if data.decoded_cache == "off":
        yield "set data.decoded_cache auto: decoded pictures are then kept for the next epochs"
    if train.sizes is None:
        return
    needed = decoded_bytes(train.sizes, reduce_to).sum() / 1e9
    if data.decoded_cache != "off" and needed > data.decoded_cache_gb:
        yield f"raise data.decoded_cache_gb ({data.decoded_cache_gb:g}; decoded pictures take {needed:.1f})"
    enough = 2 * (data.augmentation.train_size or data.preprocessing.image_size)
    larger = (train.sizes.min(axis=1) > enough).mean()
    if reduce_to is None and larger > 0.5:
        yield f"set data.augmentation.reduce_to {enough}: {larger:.0%} of the pictures are larger"
