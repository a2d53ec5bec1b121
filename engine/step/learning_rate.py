"""Learning rate as a function of the step."""

from __future__ import annotations

import math
from collections.abc import Callable

from engine.config.optimizer_section import OptimizerConfig, ScheduleConfig

Schedule = Callable[[int], float]


def peak_lr(config: OptimizerConfig, global_batch: int) -> float:
    """The highest learning rate of the run, after the linear scaling rule if that is on.

    Source: Goyal et al., 2017, "Accurate, Large Minibatch SGD", section 2.1 (reference batch 256).
    """
    return config.lr * global_batch / 256 if config.scale_lr else config.lr


def make_schedule(config: ScheduleConfig, peak: float, epochs: int, steps_per_epoch: int) -> Schedule:
    """Build the function from the step (0 is the run's first) to the learning rate.

    Args:
        config: the recipe's `schedule` section.
        peak: learning rate after warm-up.
        epochs: length of the run.
        steps_per_epoch: steps in each epoch.

    Source:
        Cosine: Loshchilov and Hutter, 2016, "SGDR", equation 5 without restarts.
    """
    total = epochs * steps_per_epoch
    warmup = round(config.warmup_epochs * steps_per_epoch)

    def lr(step: int) -> float:
        if step < warmup:
            return config.warmup_lr + (peak - config.warmup_lr) * (step + 1) / warmup
        done = min(1.0, (step - warmup) / max(1, total - warmup))
        if config.name == "cosine":
            return config.min_lr + (peak - config.min_lr) * (1 + math.cos(math.pi * done)) / 2
        if config.name == "linear":
            return config.min_lr + (peak - config.min_lr) * (1 - done)
        if config.name == "step":
            return peak * config.decay_rate ** int((step - warmup) / (config.decay_epochs * steps_per_epoch))
        return peak

    return lr
